package deliver

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	exampleSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	exampleKey    = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)

func mustKeys(t *testing.T, secrets ...string) (keys []key) {
	t.Helper()
	for _, s := range secrets {
		k, err := parseKey(s)
		require.NoError(t, err)
		keys = append(keys, k)
	}
	return keys
}

// The examples of the Standard Webhooks specification, 1.0.0.
func TestSignAgreesWithTheSpecification(t *testing.T) {
	keys := mustKeys(t, exampleSecret, exampleKey)
	got := sign(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	assert.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= "+
		"v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==", got)
}

// An independent verifier, and crypto/ed25519 itself.
func TestSignaturesVerify(t *testing.T) {
	body := []byte("contact=J%C3%BCrgen&bytes=\x00\xff")
	now := strconv.FormatInt(time.Now().Unix(), 10)
	signature := sign(mustKeys(t, exampleSecret, exampleKey), "msg_1", now, body)
	wh, err := standardwebhooks.NewWebhook(exampleSecret)
	require.NoError(t, err)
	h := http.Header{"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {now}, "Webhook-Signature": {signature}}
	assert.NoError(t, wh.Verify(body, h))
	assert.Error(t, wh.Verify(append(body, ' '), h))

	private, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(exampleKey, "whsk_"))
	require.NoError(t, err)
	_, token, ok := strings.Cut(signature, "v1a,")
	require.True(t, ok)
	raw, err := base64.StdEncoding.DecodeString(token)
	require.NoError(t, err)
	public := ed25519.PrivateKey(private).Public().(ed25519.PublicKey)
	assert.True(t, ed25519.Verify(public, append([]byte("msg_1."+now+"."), body...), raw))
}

func TestParseKeyRefusesWithoutShowingTheSecret(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString([]byte("0123456789abcdefghijklmnopqrstuvwxyz"))
	_, err := parseKey("whsec_" + secret)
	require.NoError(t, err)
	swapped := []byte(exampleKey)
	swapped[len(swapped)-5]++
	for proves, s := range map[string]string{
		"no prefix": secret, "another prefix": "whpk_" + secret, "no base64": "whsec_%" + secret, "too short": "whsec_MDEyMzQ1Njc4OQ==",
		"too long": "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)), "a key of another length": "whsk_" + secret,
		"a public key that is not the seed's": string(swapped), "nothing": "",
	} {
		_, err := parseKey(s)
		require.Error(t, err, proves)
		if len(s) > 8 {
			assert.NotContains(t, err.Error(), s[6:], proves)
		}
	}
}

func TestSignSetsTheHeaders(t *testing.T) {
	r := &Request{ID: "msg_1", Body: []byte("x")}
	h := http.Header{}
	at := time.Unix(1614265330, 0)
	require.NoError(t, r.Sign(h, at))
	assert.Equal(t, http.Header{"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {"1614265330"}}, h)
	r.Destination.Secrets = []string{NewSecret(), NewSecret()}
	assert.NotEqual(t, r.Destination.Secrets[0], r.Destination.Secrets[1])
	require.NoError(t, r.Sign(h, at))
	tokens := strings.Fields(h.Get("Webhook-Signature"))
	require.Len(t, tokens, 2, "all of them sign")
	for i, secret := range r.Destination.Secrets {
		wh, err := standardwebhooks.NewWebhook(secret)
		require.NoError(t, err)
		token, err := wh.Sign("msg_1", at, []byte("x"))
		require.NoError(t, err)
		assert.Equal(t, token, tokens[i], "newest first")
	}
	r.ID = "a.b"
	assert.Error(t, r.Sign(h, at))
	r.ID = ""
	assert.Error(t, r.Sign(h, at))
}

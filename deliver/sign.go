package deliver

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// A key signs as Standard Webhooks 1.0.0 says: HMAC-SHA256 (v1) or Ed25519 (v1a).
type key struct {
	secret  []byte
	private ed25519.PrivateKey
}

// parseKey takes whsec_ with the base64 of 24 to 64 bytes, or whsk_ with that of
// an Ed25519 seed and its public key. Its errors show nothing of the secret.
func parseKey(s string) (key, error) {
	if encoded, ok := strings.CutPrefix(s, "whsec_"); ok {
		secret, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return key{}, errors.New("what follows whsec_ is no base64")
		}
		if len(secret) < 24 || len(secret) > 64 {
			return key{}, errors.New("a whsec_ secret has 24 to 64 bytes, this has " + strconv.Itoa(len(secret)))
		}
		return key{secret: secret}, nil
	}
	if encoded, ok := strings.CutPrefix(s, "whsk_"); ok {
		private, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return key{}, errors.New("what follows whsk_ is no base64")
		}
		if len(private) != ed25519.PrivateKeySize {
			return key{}, errors.New("a whsk_ key has 64 bytes, seed and public key, this has " + strconv.Itoa(len(private)))
		}
		if !ed25519.NewKeyFromSeed(private[:ed25519.SeedSize]).Equal(ed25519.PrivateKey(private)) {
			return key{}, errors.New("the public half of the whsk_ key does not belong to its seed")
		}
		return key{private: private}, nil
	}
	return key{}, errors.New("a secret starts with whsec_ or whsk_")
}

// sign returns the value of webhook-signature: a token for each key, over
// {id}.{timestamp}.{body}.
func sign(keys []key, id, timestamp string, body []byte) string {
	var tokens []byte
	signed := id + "." + timestamp + "."
	for i, k := range keys {
		if i > 0 {
			tokens = append(tokens, ' ')
		}
		if k.private != nil {
			tokens = append(tokens, "v1a,"...)
			tokens = base64.StdEncoding.AppendEncode(tokens, ed25519.Sign(k.private, append([]byte(signed), body...)))
			continue
		}
		mac := hmac.New(sha256.New, k.secret)
		mac.Write([]byte(signed))
		mac.Write(body)
		var sum [sha256.Size]byte
		tokens = append(tokens, "v1,"...)
		tokens = base64.StdEncoding.AppendEncode(tokens, mac.Sum(sum[:0]))
	}
	return string(tokens)
}

func timestamp(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

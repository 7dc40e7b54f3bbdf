package deliver

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
	tokens := make([]byte, 0, 128) // on the stack, where two of HMAC fit
	signed := []byte(id + "." + timestamp + ".")
	for i, k := range keys {
		if i > 0 {
			tokens = append(tokens, ' ')
		}
		if k.private != nil {
			tokens = append(tokens, "v1a,"...)
			tokens = base64.StdEncoding.AppendEncode(tokens, ed25519.Sign(k.private, slices.Concat(signed, body)))
			continue
		}
		// It allocates five times, and what it is given must be on the heap. An
		// HMAC of our own would not, and win 3 % of a delivery: too little.
		mac := hmac.New(sha256.New, k.secret)
		mac.Write(signed)
		mac.Write(body)
		tokens = append(tokens, "v1,"...)
		tokens = base64.StdEncoding.AppendEncode(tokens, mac.Sum(nil))
	}
	return string(tokens)
}

// Sign sets the headers of Standard Webhooks for an attempt at this time:
// webhook-id and webhook-timestamp, and webhook-signature where the destination
// has secrets. HTTP does it by itself; it is here for a Deliverer that sends in
// another way. An unusable secret or ID is an error, and so is a request with
// secrets and no ID; h is as it was then.
func (r *Request) Sign(h http.Header, at time.Time) error {
	keys := make([]key, len(r.Destination.Secrets))
	for i, secret := range r.Destination.Secrets {
		var err error
		if keys[i], err = parseKey(secret); err != nil {
			return &SettingError{fmt.Sprintf("secrets[%d]", i), err}
		}
	}
	if err := r.checkID(); err != nil {
		return err
	}
	r.signWith(keys, at, func(name, value string) { h[name] = []string{value} })
	return nil
}

func (r *Request) checkID() error {
	if r.ID == "" && len(r.Destination.Secrets) > 0 {
		return errors.New("a signed request needs an ID")
	}
	for i := range len(r.ID) {
		if c := r.ID[i]; c <= ' ' || c > '~' || c == '.' {
			return errors.New("the request's ID cannot be a webhook-id; use printable ASCII without dots and spaces")
		}
	}
	return nil
}

func (r *Request) signWith(keys []key, at time.Time, set func(name, value string)) {
	if r.ID == "" {
		return
	}
	timestamp := strconv.FormatInt(at.Unix(), 10) // each attempt's own, as its signature is
	set("Webhook-Id", r.ID)
	set("Webhook-Timestamp", timestamp)
	if len(keys) > 0 {
		set("Webhook-Signature", sign(keys, r.ID, timestamp, r.Body))
	}
}

// NewSecret returns a new secret for Destination.Secrets: whsec_ and the base64
// of 32 random bytes, which is also what a receiver verifies with.
func NewSecret() string {
	var secret [32]byte
	rand.Read(secret[:]) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(secret[:])
}

package deliver

import "net/http"

// Own is HTTP's own transport, for tests to have it trust their certificates.
func (h *HTTP) Own() *http.Transport {
	own, err := h.transport().(*Transport).of(nil)
	if err != nil {
		panic(err)
	}
	return own
}

package deliver

import "net/http"

// Own is HTTP's own transport, for tests to have it trust their certificates.
func (h *HTTP) Own() *http.Transport { return h.transport().(*http.Transport) }

package encode

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/topprovider/leadhook/mapping"
)

// A Format is what a receiver reads. Its text is stable: hosts keep it in
// databases.
type Format string

// The formats.
const (
	JSON         Format = "json"
	XML          Format = "xml"
	Form         Format = "form"
	HubSpotForms Format = "hubspot_forms_v3"
)

// Formats returns all formats, for a form to offer.
func Formats() []Format { return []Format{JSON, XML, Form, HubSpotForms} }

// An Encoder writes leads for one endpoint. It is safe for concurrent use.
type Encoder interface {
	// ContentType returns the value of the Content-Type header.
	ContentType() string
	// Append appends the payload for src to dst and returns the longer slice.
	// On error, a *ValueError, dst comes back as it was. Behind its length, as far
	// as its capacity goes, anything may have been written.
	Append(dst []byte, src mapping.Source) ([]byte, error)
}

// New compiles an encoder. Nil options are the defaults. The faults of names
// come back joined, each a [*mapping.RuleError]; an unknown format or option is
// an error of its own.
func New(f Format, p *mapping.Plan, o *Options) (Encoder, error) {
	if o == nil {
		o = &Options{}
	}
	if p == nil {
		return nil, errors.New("encode: there is no plan; mapping.Compile gives one")
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	var e Encoder
	var err error
	switch f {
	case JSON:
		e, err = newJSON(p.Outputs(), o)
	case XML:
		e, err = newXML(p.Outputs(), o)
	case Form:
		e, err = newForm(p.Outputs(), o)
	case HubSpotForms:
		e, err = newHubSpot(p.Outputs(), o)
	default:
		err = fmt.Errorf("encode: %.40q is no format; json, xml, form and hubspot_forms_v3 are", f)
	}
	if err != nil {
		return nil, err
	}
	return &roomy{Encoder: e}, nil
}

// A roomy encoder makes room for a payload at once, as much as the one before
// took: what is appended to nothing is allocated once then, and not as often as
// it outgrows its room.
type roomy struct {
	Encoder
	room atomic.Int64
}

func (e *roomy) Append(dst []byte, src mapping.Source) ([]byte, error) {
	room := int(e.room.Load())
	out := dst
	if cap(dst)-len(dst) < room {
		out = append(make([]byte, 0, len(dst)+room), dst...)
	}
	out, err := e.Encoder.Append(out, src)
	if err != nil {
		return dst, err
	}
	// After one that was far longer than others, the room shrinks again.
	if n := len(out) - len(dst); n > room || n < room/2 {
		e.room.Store(int64(n + n/4))
	}
	return out, nil
}

// A ValueError is a value that an encoder cannot write. Its text names the
// field and the value's type, and has nothing of the value in it.
type ValueError struct {
	Field string // key; "" for a constant
	Name  string // output name
	Type  string // Go type of the value
	Err   error
}

// Error names field, output name and type.
func (e *ValueError) Error() string {
	what := fmt.Sprintf("field %.80q", e.Field)
	if e.Field == "" {
		what = "constant"
	}
	return fmt.Sprintf("encode: %s (→ %.80q, type %s): %v", what, e.Name, e.Type, e.Err)
}

// Unwrap returns Err.
func (e *ValueError) Unwrap() error { return e.Err }

func valueError(o *mapping.Output, v any, err error) *ValueError {
	return &ValueError{Field: o.Field, Name: o.Name, Type: fmt.Sprintf("%T", v), Err: err}
}

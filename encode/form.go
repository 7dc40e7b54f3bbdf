package encode

import (
	"errors"

	"github.com/topprovider/leadhook/mapping"
)

type formEncoder struct{ flat flat }

func newForm(outputs []mapping.Output, o *Options) (Encoder, error) {
	e := &formEncoder{flat{sep: "&", keepEmpty: true, missing: o.Missing}}
	switch o.Lists {
	case Indices:
		e.flat.list = listIndexed
	case Comma:
		e.flat.list = listComma
	case Semicolon:
		e.flat.list = listSemicolon
	}
	for _, out := range outputs {
		name := string(appendForm(nil, out.Name))
		f := e.flat.add(out, name+"=", "")
		switch o.Lists {
		case Brackets:
			f.list = e.flat.sep + name + "%5B%5D="
		case Indices:
			f.list = e.flat.sep + name + "%5B"
		}
	}
	if faults := e.flat.compile(); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return e, nil
}

func (e *formEncoder) ContentType() string { return "application/x-www-form-urlencoded" }

func (e *formEncoder) Append(dst []byte, src mapping.Source) ([]byte, error) {
	out, err := e.flat.appendTo(dst, src)
	if err != nil {
		return dst, err
	}
	return out, nil
}

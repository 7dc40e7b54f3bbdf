package encode

import (
	"encoding/xml"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/topprovider/leadhook/mapping"
)

type xmlEncoder struct {
	open, close string
	flat        flat
}

func newXML(outputs []mapping.Output, o *Options) (Encoder, error) {
	root := o.XMLRoot
	if root == "" {
		root = "lead"
	}
	var faults []error
	if err := checkXMLName(root); err != nil {
		faults = append(faults, fmt.Errorf("encode: xmlRoot %.80q: %w", root, err))
	}
	e := &xmlEncoder{
		open:  xml.Header + "<" + root + ">",
		close: "</" + root + ">",
		flat:  flat{plain: plainXML, keepEmpty: true, missing: o.Missing},
	}
	for _, out := range outputs {
		if err := checkXMLName(out.Name); err != nil {
			faults = append(faults, out.Fault(err))
		}
		e.flat.add(out, "<"+out.Name+">", "</"+out.Name+">")
	}
	faults = append(faults, e.flat.compile()...)
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return e, nil
}

func (e *xmlEncoder) ContentType() string { return "application/xml" }

func (e *xmlEncoder) Append(dst []byte, src mapping.Source) ([]byte, error) {
	out := append(dst, e.open...)
	out, err := e.flat.appendTo(out, src)
	if err != nil {
		return dst, err
	}
	return append(out, e.close...), nil
}

// checkXMLName refuses what is no Name (XML 1.0, fifth edition, §2.3):
// encoding/xml and we would write it as it stands, markup included.
func checkXMLName(name string) error {
	for i, r := range name {
		if nameStart(r) || i > 0 && nameRest(r) {
			continue
		}
		if r == utf8.RuneError {
			return errors.New("the name is not valid UTF-8")
		}
		if i == 0 {
			return fmt.Errorf("an XML name cannot start with %q; start it with a letter or _", r)
		}
		return fmt.Errorf("an XML name cannot hold %q; use letters, digits, dots, - and _", r)
	}
	if name == "" {
		return errors.New("an XML name cannot be empty")
	}
	return nil
}

// nameStart is the production NameStartChar.
func nameStart(r rune) bool {
	return r == ':' || r == '_' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' ||
		0xC0 <= r && r <= 0x2FF && r != 0xD7 && r != 0xF7 ||
		0x370 <= r && r <= 0x1FFF && r != 0x37E ||
		0x200C <= r && r <= 0x200D || 0x2070 <= r && r <= 0x218F ||
		0x2C00 <= r && r <= 0x2FEF || 0x3001 <= r && r <= 0xD7FF ||
		0xF900 <= r && r <= 0xFDCF || 0xFDF0 <= r && r <= 0xFFFC ||
		0x10000 <= r && r <= 0xEFFFF
}

// nameRest is what NameChar adds to NameStartChar.
func nameRest(r rune) bool {
	return r == '-' || r == '.' || '0' <= r && r <= '9' || r == 0xB7 ||
		0x300 <= r && r <= 0x36F || 0x203F <= r && r <= 0x2040
}

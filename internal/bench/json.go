package main

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/Jeffail/gabs/v2"
	jsonv2 "github.com/go-json-experiment/json"
	gojson "github.com/goccy/go-json"
	"github.com/knadh/koanf/maps"
	"github.com/tidwall/sjson"

	"github.com/topprovider/leadhook/encode"
)

// A writer makes the payload of a sample. What it returns is good until it is
// called again.
type writer struct {
	name  string
	write func() []byte
	goal  goal   // of the ratio to leadhook
	bar   string // in the picture
}

func atLeast(f float64) goal { return goal{atLeast: f} }
func atMost(f float64) goal  { return goal{atMost: f} }

// ours writes with leadhook into a buffer that is used again.
func ours(s sample, f encode.Format, o *encode.Options) writer {
	e := s.encoder(f, o)
	var buf []byte
	return writer{name: "leadhook", write: func() []byte {
		var err error
		buf, err = e.Append(buf[:0], s.lead)
		must(err)
		return buf
	}}
}

// jsonPeers are what a Go developer would lay a nested document out with. Each
// is set up as its documentation says is fastest, as far as the same lead gives
// the same bytes then, which what is signed and sent again must: buffers are used
// again, and <, > and & stay as they are.
func jsonPeers(s sample) []writer {
	var buf bytes.Buffer
	std := json.NewEncoder(&buf)
	std.SetEscapeHTML(false)
	goccy := gojson.NewEncoder(&buf)
	encoded := func(encode func(v any) error, tree func() map[string]any) func() []byte {
		return func() []byte {
			buf.Reset()
			must(encode(tree()))
			return buf.Bytes()
		}
	}
	names := make([]string, len(s.rules))
	for i, r := range s.rules {
		names[i] = r.Name
	}
	return []writer{
		{"nested map + encoding/json", encoded(std.Encode, s.tree), atLeast(20), "encoding/json"},
		{"nested map + goccy/go-json", encoded(func(v any) error {
			return goccy.EncodeWithOption(v, gojson.DisableHTMLEscape()) // without UnorderedMap
		}, s.tree), atLeast(11), "goccy/go-json"},
		{"nested map + encoding/json/v2", encoded(func(v any) error { return jsonv2.MarshalWrite(&buf, v, jsonv2.Deterministic(true)) }, s.tree), atLeast(16), "encoding/json/v2"},
		{"sjson.SetBytes for each field", func() (doc []byte) {
			for i, r := range s.rules {
				var err error
				doc, err = sjson.SetBytes(doc, names[i], plain(s.lead[r.Field]))
				must(err)
			}
			return doc
		}, atLeast(48), "sjson"},
		{"gabs", func() []byte {
			doc := gabs.New()
			for i, r := range s.rules {
				_, err := doc.Set(plain(s.lead[r.Field]), s.paths[i]...)
				must(err)
			}
			return doc.EncodeJSON(gabs.EncodeOptHTMLEscape(false))
		}, atLeast(27), "gabs"},
		{"koanf Unflatten + encoding/json", encoded(std.Encode, func() map[string]any {
			flat := make(map[string]any, len(s.rules))
			for i, r := range s.rules {
				flat[names[i]] = plain(s.lead[r.Field])
			}
			return maps.Unflatten(flat, ".")
		}), goal{}, "koanf"},
	}
}

// tree builds the document as maps in maps, from names that were split before.
func (s sample) tree() map[string]any {
	root := make(map[string]any, len(s.rules))
	for i, r := range s.rules {
		at, path := root, s.paths[i]
		for _, key := range path[:len(path)-1] {
			next, ok := at[key].(map[string]any)
			if !ok {
				next = make(map[string]any)
				at[key] = next
			}
			at = next
		}
		at[path[len(path)-1]] = plain(s.lead[r.Field])
	}
	return root
}

// bound appends the finished pieces of a sample's document: nothing is looked
// up, escaped or formatted. No encoder can be faster that appends them in turn.
func bound(s sample) func() []byte {
	document := ours(s, encode.JSON, nil).write()
	pieces := split(document, s)
	var buf []byte
	return func() []byte {
		buf = buf[:0]
		for _, piece := range pieces {
			buf = append(buf, piece...)
		}
		return buf
	}
}

// split cuts a document before and behind the value of each field.
func split(document []byte, s sample) (pieces []string) {
	rest := string(document)
	for _, r := range s.rules {
		value := text(s.lead[r.Field])
		at := bytes.Index([]byte(rest), []byte(value))
		pieces = append(pieces, rest[:at], value)
		rest = rest[at+len(value):]
	}
	return append(pieces, rest)
}

// sameJSON is whether two documents hold the same.
func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

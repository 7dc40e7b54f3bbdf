package encode

import (
	"errors"

	"github.com/topprovider/leadhook/mapping"
)

type jsonEncoder struct{ layout layout }

func newJSON(outputs []mapping.Output, o *Options) (Encoder, error) {
	leaves, faults := parseLeaves(outputs)
	leaves = dropFromArray(leaves)
	l, more := newLayout(leaves, o.Missing, appendJSONConst)
	if faults = append(faults, more...); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return &jsonEncoder{l}, nil
}

// dropFromArray drops the implicit message type, which comes first, where all
// other names make the root an array: such a receiver has no place for it.
func dropFromArray(leaves []leaf) []leaf {
	if len(leaves) < 2 || !leaves[0].output.Implicit {
		return leaves
	}
	for _, l := range leaves[1:] {
		if _, ok := mapping.Index(l.path[0]); !ok {
			return leaves
		}
	}
	return leaves[1:]
}

func (e *jsonEncoder) ContentType() string { return "application/json" }

func (e *jsonEncoder) Append(dst []byte, src mapping.Source) ([]byte, error) {
	out, err := e.layout.appendTo(dst, src)
	if err != nil {
		return dst, err
	}
	return out, nil
}

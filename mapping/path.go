package mapping

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Path is a parsed structured name: the keys from the root of a JSON document
// to a value.
type Path []string

// ParsePath splits a structured name at its dots. `\.` is a dot inside a key
// and `\\` a backslash; every other character stands for itself. Refused, with
// the place: a name that is empty or not valid UTF-8, an empty key (a..b, .a,
// a.), and any other escape.
func ParsePath(name string) (Path, error) {
	if name == "" {
		return nil, errors.New("the name is empty")
	}
	if !utf8.ValidString(name) {
		return nil, errors.New("the name is not valid UTF-8")
	}
	path := make(Path, 0, strings.Count(name, ".")+1)
	var escaped []byte // the key so far, once it differs from the name's own bytes
	start := 0
	end := func(i int) error {
		key := name[start:i]
		if escaped != nil {
			key = string(append(escaped, key...))
		}
		if key == "" {
			return fmt.Errorf(`there is an empty key at character %d; write \. for a dot inside a key`, i+1)
		}
		path = append(path, key)
		escaped, start = nil, i+1
		return nil
	}
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '.':
			if err := end(i); err != nil {
				return nil, err
			}
		case '\\':
			if i+1 == len(name) || name[i+1] != '.' && name[i+1] != '\\' {
				return nil, fmt.Errorf(`the backslash at character %d escapes nothing; write \\ for a backslash`, i+1)
			}
			escaped = append(escaped, name[start:i]...)
			start = i + 1
			i++
		}
	}
	if err := end(len(name)); err != nil {
		return nil, err
	}
	return path, nil
}

// String returns the name that parses to p.
func (p Path) String() string {
	escape := strings.NewReplacer(`\`, `\\`, `.`, `\.`)
	keys := make([]string, len(p))
	for i, key := range p {
		keys[i] = escape.Replace(key)
	}
	return strings.Join(keys, ".")
}

// Index returns the array index that a key of a path stands for. ok is false
// for a key that is none: an index is 0, or ASCII digits without a leading
// zero. An index too large for an int comes back as the largest int.
func Index(key string) (index int, ok bool) {
	if key == "" || key[0] == '0' && len(key) > 1 {
		return 0, false
	}
	for i := range len(key) {
		if key[i] < '0' || key[i] > '9' {
			return 0, false
		}
	}
	n, _ := strconv.Atoi(key) // out of range gives the largest int
	return n, true
}

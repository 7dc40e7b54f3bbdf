package deliver

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// modifiers of gjson that make nothing larger than what they are given. @tostr,
// for one, doubles every quote, and a path can have it a hundred times.
var modifiers = []string{"this", "reverse", "keys", "values", "flatten"}

// Each part may walk the whole answer once more, and each modifier copies it.
const (
	maxParts     = 32
	maxModifiers = 3
	copyCost     = 8 // walks that a copy takes as long as
	maxStars     = 2
	maxStarred   = 100 // bytes of a part with more than one *
)

// bracketed is how other syntaxes write an index.
var bracketed = regexp.MustCompile(`[^\\(]\[[0-9]*\]$`)

// checkPath refuses what gjson would take and find nothing by, and what builds
// something new.
//
// cost is about how many times it walks the answer.
func checkPath(path string) (cost int, err error) {
	switch {
	case path == "":
		return 0, nil
	case len(path) > maxExpression:
		return 0, fmt.Errorf("it has %d bytes; %d is the most", len(path), maxExpression)
	case !utf8.ValidString(path):
		return 0, errors.New("it is not valid UTF-8")
	case strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7F }):
		return 0, errors.New("it has a control character in it")
	case strings.TrimSpace(path) != path:
		return 0, errors.New("it has a space at its beginning or end")
	case path == "$" || strings.HasPrefix(path, "$.") || strings.HasPrefix(path, "$["):
		return 0, errors.New("it begins with $, as JSONPath does; in gjson's syntax it begins with the first key")
	case strings.HasPrefix(path, "/"):
		return 0, errors.New("it begins with /, as a JSON pointer does; in gjson's syntax keys are parted by dots")
	}
	start, parts, modified := 0, 0, 0
	for start <= len(path) {
		end, err := component(path, start)
		if err != nil {
			return 0, err
		}
		part := path[start:end]
		if parts++; strings.HasPrefix(part, "@") {
			modified++
		}
		stars := strings.Count(part, "*")
		switch {
		case stars > maxStars || stars > 1 && len(part) > maxStarred:
			// gjson tries each star at each place, and gives up late.
			return 0, fmt.Errorf("%.40q has too many * for one part; %d, in at most %d bytes, is the most", part, maxStars, maxStarred)
		case parts > maxParts || modified > maxModifiers:
			return 0, fmt.Errorf("it has more than %d parts, or more than %d modifiers", maxParts, maxModifiers)
		case part == "":
			return 0, fmt.Errorf(`it has an empty part at byte %d (no dot stands before the first key, and one inside a key is written \.)`, start)
		case part[0] == '@' && !slices.Contains(modifiers, part[1:]):
			return 0, fmt.Errorf("%.40q is not taken; a key that begins with @ is written \\@", part)
		case part[0] == '{' || part[0] == '[' || part[0] == '!':
			return 0, fmt.Errorf("%.40q builds something new; only what selects is taken (a key that begins so is written with a \\ before it)", part)
		}
		if index := bracketed.FindString(part); index != "" {
			return 0, fmt.Errorf(`%.40q has an index in it; in gjson's syntax an index is a part of its own, as in errors.0.type (in a key, a bracket is written \[)`, part)
		}
		start = end + 1
	}
	return parts + copyCost*modified, nil
}

// component returns where the part of a path that begins at start ends: at the
// next dot or pipe outside a query.
func component(path string, start int) (end int, err error) {
	open := 0 // parentheses
	quoted := false
	for i := start; i < len(path); i++ {
		switch c := path[i]; {
		case c == '\\':
			if i++; i == len(path) {
				return 0, errors.New("it ends in a \\ that escapes nothing")
			}
		case quoted:
			quoted = c != '"'
		case open > 0 && c == '"':
			quoted = true
		case open > 0 && (c == '@' || c == '[' || c == '{'), open > 0 && c == '!' && !strings.ContainsAny(path[i+1:min(i+2, len(path))], "=%"):
			return 0, fmt.Errorf("its query has a %c at byte %d; in a key it is written \\%[1]c", c, i)
		case c == '[' && i == start+1 && path[start] == '#':
			return 0, errors.New("a query is written #(…)")
		case c == '(' && (open > 0 || i == start+1 && path[start] == '#'):
			open++
		case c == ')' && open > 0:
			open--
		case (c == '.' || c == '|') && open == 0:
			return i, nil
		}
		// What gjson makes of a query or an escape depends on what the answer has at
		// that place: in an object it knows no queries, in a list no escapes. So
		// behind a dot or a pipe nothing may begin that builds, whatever it is in.
		if c := path[i]; (c == '.' || c == '|') && strings.ContainsAny(path[i+1:min(i+2, len(path))], "@[{!") {
			return 0, fmt.Errorf("it has %q at byte %d inside a query or behind a \\, which gjson may take for something that builds", path[i:i+2], i)
		}
	}
	if open > 0 || quoted {
		return 0, errors.New(`its query is not closed; it looks like #(key=="value")`)
	}
	return len(path), nil
}

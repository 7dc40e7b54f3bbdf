package deliver

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// An answer is what came back, as outcome rules look at it.
type answer struct {
	code     int
	body     []byte
	complete bool // body is all of it

	parsed   bool
	document gjson.Result
	err      error // why there is no document
}

// json parses the answer when the first rule asks for it.
func (a *answer) json() (gjson.Result, error) {
	if a.parsed {
		return a.document, a.err
	}
	a.parsed = true
	body := bytes.TrimPrefix(a.body, []byte("\xEF\xBB\xBF"))
	switch {
	case !a.complete:
		a.err = errors.New("the answer is incomplete, or too long")
	case depth(body) > maxJSONDepth: // gjson walks by recursion
		a.err = fmt.Errorf("the answer nests more than %d deep", maxJSONDepth)
	case !gjson.ValidBytes(body):
		a.err = errors.New("the answer is not JSON")
	default:
		a.document = gjson.ParseBytes(body)
	}
	return a.document, a.err
}

// depth returns how deep JSON nests; of anything else it is some number.
func depth(body []byte) (deepest int) {
	now, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

// read returns the first rule that matches, nil where none does. The error says
// why rules could not be applied that were to be.
func (a *answer) read(rules []OutcomeRule) (*OutcomeRule, int, error) {
	var unread error
	for i := range rules {
		r := &rules[i]
		if len(r.Statuses) > 0 && !slices.Contains(r.Statuses, a.code) {
			continue
		}
		if r.Path == "" {
			if r.matches(string(bytes.TrimSpace(a.body))) {
				return r, i, unread
			}
			continue
		}
		document, err := a.json()
		if err != nil {
			if unread == nil {
				unread = fmt.Errorf("outcome rule %d does not apply: %w", i, err)
			}
			continue
		}
		if r.matchesAny(document.Get(r.Path)) {
			return r, i, unread
		}
	}
	return nil, 0, unread
}

func (r *OutcomeRule) matchesAny(v gjson.Result) bool {
	if v.IsArray() && (r.Equals != "" || r.Contains != "" || r.Pattern != "") {
		found := false
		v.ForEach(func(_, element gjson.Result) bool {
			found = r.matchesAny(element)
			return !found
		})
		return found
	}
	return v.Type != gjson.Null && r.matches(text(v))
}

func (r *OutcomeRule) matches(s string) bool {
	switch {
	case r.Equals != "":
		return s == r.Equals
	case r.Contains != "":
		return strings.Contains(s, r.Contains)
	case r.Pattern != "":
		return r.compiled.pattern.MatchString(s)
	}
	return true
}

// text is a value as a rule sees it: a string's content, everything else as it
// is written.
func text(v gjson.Result) string {
	if v.Type == gjson.String {
		return v.Str
	}
	return v.Raw
}

// outcome takes out of an answer what r says is there.
func (r *OutcomeRule) outcome(a *answer) Outcome {
	find := func(path string) string {
		document, err := a.json()
		if path == "" || err != nil {
			return ""
		}
		v := document.Get(path)
		if v.Type == gjson.Null {
			return ""
		}
		return printable(text(v))
	}
	return Outcome{
		Duplicate: r.Verdict == VerdictDuplicate,
		Reason:    find(r.ReasonPath), Reference: find(r.ReferencePath), Price: find(r.PricePath),
	}
}

// printable bounds a text of a receiver's, and makes it one that every database
// takes.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s[:min(len(s), maxFound)], "\uFFFD"))
	if len(s) > maxFound { // by a rune that was cut
		s = strings.ToValidUTF8(s[:maxFound], "")
	}
	return s
}

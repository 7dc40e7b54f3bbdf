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
	code       int
	body       []byte
	unreadable error // why body is not all of it, or not what was written

	parsed   bool
	document gjson.Result
	err      error // why there is no document
}

var (
	byteOrderMark = []byte("\xEF\xBB\xBF")
	errTooLong    = fmt.Errorf("the answer is longer than %d KiB", readBody>>10)
	errEncoded    = errors.New("the answer is encoded in a way that nobody asked for")
)

// json parses the answer when the first rule asks for it.
func (a *answer) json() (gjson.Result, error) {
	if a.parsed {
		return a.document, a.err
	}
	a.parsed = true
	body := bytes.TrimPrefix(a.body, byteOrderMark)
	switch {
	case a.unreadable != nil:
		a.err = a.unreadable
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
// why a rule could not be applied. Where that is since the answer is not known
// whole, no rule behind it decides either.
func (a *answer) read(rules []OutcomeRule) (*OutcomeRule, int, error) {
	var unread error
	for i := range rules {
		r := &rules[i]
		if len(r.Statuses) > 0 && !slices.Contains(r.Statuses, a.code) {
			continue
		}
		err := a.unreadable
		matches := false
		switch {
		case r.Path != "":
			var document gjson.Result
			if document, err = a.json(); err == nil {
				matches = r.matchesAny(document.Get(r.Path), 0)
			}
		case !r.looks():
			return r, i, unread
		case err == nil || r.Contains != "": // which more of the answer would not undo
			matches = r.matches(string(bytes.TrimSpace(bytes.TrimPrefix(a.body, byteOrderMark))))
		}
		if matches {
			return r, i, unread
		}
		if err != nil && unread == nil {
			unread = fmt.Errorf("outcomes[%d] does not apply: %w", i, err)
		}
		if err != nil && a.unreadable != nil {
			break
		}
	}
	return nil, 0, unread
}

// matchesAny looks at v, or at what stands in it; deep is how far in that is. What
// a path finds can nest deeper than the answer: gjson looks for lists in texts.
func (r *OutcomeRule) matchesAny(v gjson.Result, deep int) bool {
	if deep > maxJSONDepth {
		return false
	}
	if v.IsArray() && r.looks() {
		found := false
		v.ForEach(func(_, element gjson.Result) bool {
			found = r.matchesAny(element, deep+1)
			return !found
		})
		return found
	}
	nothing := v.Type == gjson.Null || (v.IsArray() || v.IsObject()) && len(strings.Trim(v.Raw, "[]{} \t\r\n")) == 0
	return !nothing && r.matches(text(v))
}

// looks reports whether r looks for a text.
func (r *OutcomeRule) looks() bool { return r.Equals != "" || r.Contains != "" || r.Pattern != "" }

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

// missed names the paths that led to nothing.
func (r *OutcomeRule) missed(found Outcome) string {
	var paths []string
	for _, p := range []struct{ name, path, text string }{
		{"reasonPath", r.ReasonPath, found.Reason}, {"referencePath", r.ReferencePath, found.Reference}, {"pricePath", r.PricePath, found.Price},
	} {
		if p.path != "" && p.text == "" {
			paths = append(paths, p.name)
		}
	}
	return strings.Join(paths, " and ")
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
	return strings.Clone(s) // which does not hold on to all of the answer
}

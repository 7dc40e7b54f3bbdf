package deliver

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// An OutcomeRule reads an answer's body for what became of the lead: many lead
// systems answer 200 and say "rejected" inside. The first rule of
// Destination.Outcomes that matches decides, before the status code does;
// where none matches, the status code decides.
//
// A rule looks at the place that Path names, or at the whole body, and has at
// most one of Equals, Contains and Pattern. With none of them it matches
// whatever is there, so that a rule of Statuses alone reads the status. Case
// counts everywhere.
//
//	{"statuses":[200],"path":"success","equals":"false","verdict":"rejected","reasonPath":"reason"}
type OutcomeRule struct {
	// Statuses that the rule applies to. None: any, but redirects, which are
	// never followed and never a success.
	Statuses []int `json:"statuses,omitempty"`
	// Path is a place in a JSON answer, in gjson's syntax: "result.code",
	// "errors.0.type", "errors.#.type", `leads.#(id=="1").state`. Where it leads
	// to a list, one element that matches is enough. A null, an empty list and an
	// empty object are nothing. "" is the whole body, JSON or not, without the
	// space around it.
	//
	// What selects is taken: keys, indices, #, queries, wildcards, pipes and the
	// modifiers @this, @reverse, @keys, @values and @flatten; what builds something
	// new (other modifiers, [a,b], {a,b}, !literals) is refused.
	Path string `json:"path,omitempty"`
	// Equals is the whole text. Numbers are compared as they are written; "" is
	// not looked at, ^$ as Pattern is the empty text.
	Equals string `json:"equals,omitempty"`
	// Contains is a part of the text.
	Contains string `json:"contains,omitempty"`
	// Pattern is a regular expression in RE2's syntax, found anywhere in the text.
	Pattern string `json:"pattern,omitempty"`
	// Verdict is what a match means.
	Verdict Verdict `json:"verdict"`
	// ReasonPath, ReferencePath and PricePath say where an answer that matches has
	// its reason, the receiver's ID of the lead and the price. "": nowhere.
	ReasonPath    string `json:"reasonPath,omitempty"`
	ReferencePath string `json:"referencePath,omitempty"`
	PricePath     string `json:"pricePath,omitempty"`

	compiled *compiledRule
}

// A compiledRule is a rule as it was checked.
type compiledRule struct {
	rule    OutcomeRule
	pattern *regexp.Regexp
}

// An Outcome is what an outcome rule found in an answer. Texts are cut off at
// 500 bytes. A reason may quote the lead.
type Outcome struct {
	Duplicate bool   `json:"duplicate,omitempty"` // the endpoint had the lead already
	Reason    string `json:"reason,omitempty"`
	Reference string `json:"reference,omitempty"` // the receiver's ID of the lead
	Price     string `json:"price,omitempty"`     // as it is written
}

// Bounds on what an endpoint's owner may ask for: a rule is a few bytes to
// type, and it is run on answers that somebody else writes.
const (
	maxRules        = 32
	maxExpression   = 1000 // bytes of a path, a text or a pattern
	maxInstructions = 500  // of all patterns, compiled; a match takes at most this many steps a byte
	maxPathCost     = 200  // of all paths together
	maxFound        = 500  // bytes of a reason, a reference, a price
	maxJSONDepth    = 100  // of an answer
)

// CompileOutcomes checks rules and makes them ready, so that it is done once and
// not for each request: Destination.Outcomes takes them compiled or not. Every
// fault comes back, each a [*SettingError] with its place, such as
// outcomes[2].pattern, joined.
func CompileOutcomes(rules []OutcomeRule) ([]OutcomeRule, error) {
	compiled, faults := compileOutcomes(rules)
	return slices.Clone(compiled), errors.Join(faults...)
}

// compileOutcomes returns rules themselves where they are compiled already, as
// those of a request mostly are.
func compileOutcomes(rules []OutcomeRule) (compiled []OutcomeRule, faults []error) {
	if len(rules) > maxRules {
		return nil, []error{&SettingError{"outcomes", fmt.Errorf("there are %d rules; %d is the most", len(rules), maxRules)}}
	}
	ready := true
	for i := range rules {
		ready = ready && rules[i].isCompiled()
	}
	if ready {
		return rules, nil
	}
	compiled = slices.Clone(rules)
	instructions, cost := 0, 0
	for i := range compiled {
		r := &compiled[i]
		fault := func(setting string, err error) {
			if err != nil {
				faults = append(faults, &SettingError{fmt.Sprintf("outcomes[%d].%s", i, setting), err})
			}
		}
		for j, code := range r.Statuses {
			fault(fmt.Sprintf("statuses[%d]", j), checkStatus(code))
		}
		for _, path := range []struct{ setting, path string }{
			{"path", r.Path}, {"reasonPath", r.ReasonPath}, {"referencePath", r.ReferencePath}, {"pricePath", r.PricePath},
		} {
			c, err := checkPath(path.path)
			if cost += c; err == nil && cost > maxPathCost {
				err = errors.New("the paths of all rules are too long together")
			}
			fault(path.setting, err)
		}
		given := 0
		for _, text := range []struct{ setting, text string }{{"equals", r.Equals}, {"contains", r.Contains}, {"pattern", r.Pattern}} {
			if text.text != "" {
				given++
			}
			if len(text.text) > maxExpression {
				fault(text.setting, fmt.Errorf("it has %d bytes; %d is the most", len(text.text), maxExpression))
			}
			if !utf8.ValidString(text.text) {
				fault(text.setting, errors.New("it is not valid UTF-8"))
			}
			if given > 1 && text.text != "" {
				fault(text.setting, errors.New("a rule has at most one of equals, contains and pattern; make two rules of it"))
			}
		}
		if given == 0 && r.Path == "" && len(r.Statuses) == 0 {
			fault("path", errors.New("the rule matches every answer; give it statuses, a path or a text to look for"))
		}
		var pattern *regexp.Regexp
		if r.Pattern != "" && len(r.Pattern) <= maxExpression {
			parsed, err := syntax.Parse(r.Pattern, syntax.Perl)
			if err != nil {
				err = fmt.Errorf("it is no regular expression in RE2's syntax: %w", err)
			} else if instructions += size(parsed); instructions > maxInstructions {
				err = errors.New("it is too large, or the patterns of all rules are together; use smaller numbers of repeats")
			} else {
				pattern, err = regexp.Compile(r.Pattern)
			}
			fault("pattern", err)
		}
		switch r.Verdict {
		case VerdictAccepted, VerdictDuplicate, VerdictRejected, VerdictRetry:
		default:
			fault("verdict", fmt.Errorf("%.40q is no verdict; accepted, duplicate, rejected and retry are", string(r.Verdict)))
		}
		r.Statuses = slices.Clone(r.Statuses) // which the caller may write to
		rule := *r
		rule.compiled = nil
		r.compiled = &compiledRule{rule, pattern}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return compiled, nil
}

// isCompiled reports whether r is still what was compiled.
func (r *OutcomeRule) isCompiled() bool {
	if r.compiled == nil {
		return false
	}
	a, b := *r, r.compiled.rule
	same := slices.Equal(a.Statuses, b.Statuses)
	a.Statuses, b.Statuses, a.compiled = nil, nil, nil
	return same && a.Path == b.Path && a.Equals == b.Equals && a.Contains == b.Contains && a.Pattern == b.Pattern &&
		a.Verdict == b.Verdict && a.ReasonPath == b.ReasonPath && a.ReferencePath == b.ReferencePath && a.PricePath == b.PricePath
}

// checkStatus refuses a code that decides by itself: nothing but a status code
// says that an answer is a redirect.
func checkStatus(code int) error {
	if code < 200 || code > 599 || code/100 == 3 {
		return fmt.Errorf("%d cannot be one; 200 to 299 and 400 to 599 can, and a redirect is never followed", code)
	}
	return nil
}

// size is how many instructions a pattern has when it is compiled, about. It is
// known before, since compiling costs memory for each.
func size(re *syntax.Regexp) int {
	n := 1
	if re.Op == syntax.OpLiteral {
		n = len(re.Rune)
	}
	for _, part := range re.Sub {
		n += size(part)
	}
	if re.Op == syntax.OpRepeat { // no more than 1000 of it, one in another
		n *= max(re.Max, re.Min+1)
	}
	return n
}

package encode

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/topprovider/leadhook/mapping"
)

// maxHubSpotFields is HubSpot's limit for one submission: a request with more
// is answered MAX_NUMBER_OF_SUBMITTED_VALUES_EXCEEDED.
const maxHubSpotFields = 1000

// contextMembers are the members that HubSpot's context may have; any other is
// answered INVALID_METADATA.
var contextMembers = []string{
	"hutk", "ipAddress", "pageUri", "pageName", "pageId", "sfdcCampaignId", "goToWebinarWebinarKey",
}

const (
	contextPrefix = "context."
	legalPrefix   = "legalConsentOptions."
	submittedName = "submittedAt"
)

// example shows how to name what stands in an object of HubSpot's.
var example = map[string]string{
	"context":             "context.pageUri",
	"legalConsentOptions": "legalConsentOptions.consent.text",
}

type hubspotEncoder struct {
	fields    flat
	context   flat
	submitted *mapping.Output // nil: no rule for submittedAt
	legal     layout          // legalConsentOptions
	tail      string          // WEBHOOKURL and the closing bracket
	rest      string          // all that follows the fields, where no lead changes it
}

func newHubSpot(outputs []mapping.Output, o *Options) (Encoder, error) {
	e := &hubspotEncoder{tail: "}"}
	dialect := flat{sep: ",", plain: plainJSON, list: listSemicolon}
	e.fields, e.context = dialect, dialect
	if o.WebhookURL != "" {
		e.tail = `,"WEBHOOKURL":` + string(appendString(nil, o.WebhookURL)) + "}"
	}

	var faults []error
	var legal []leaf
	seen := make(map[[2]string]mapping.Output)
	for _, out := range outputs {
		switch {
		case out.Implicit:
		case out.Name == submittedName:
			if out.Constant {
				text, err := appendMillis(nil, out.Value)
				if err != nil {
					faults = append(faults, out.Fault(err))
				}
				out.Value = string(text) // as it is now; a pointer may change
			}
			e.submitted = &out
		case out.Name+"." == contextPrefix, out.Name+"." == legalPrefix:
			faults = append(faults, out.Fault(fmt.Errorf("%s is an object of HubSpot's; name a member of it, as in %s", out.Name, example[out.Name])))
		case strings.HasPrefix(out.Name, contextPrefix):
			member := strings.TrimPrefix(out.Name, contextPrefix)
			if !slices.Contains(contextMembers, member) {
				faults = append(faults, out.Fault(fmt.Errorf("HubSpot's context has no %.80q; it has %s", member, strings.Join(contextMembers, ", "))))
				continue
			}
			e.context.add(out, `"`+member+`":"`, `"`)
		case strings.HasPrefix(out.Name, legalPrefix):
			leaves, more := parseLeaves([]mapping.Output{out})
			faults = append(faults, more...)
			for _, l := range leaves {
				l.path = l.path[1:]
				legal = append(legal, l)
			}
		default:
			object, name := splitObjectType(out.Name)
			first, twice := seen[[2]string{object, name}]
			switch {
			case name == "":
				faults = append(faults, out.Fault(errors.New("no property name follows the object type; 0-2/name is a company's name")))
			case twice:
				faults = append(faults, out.Fault(fmt.Errorf("property %.80q of object type %s has a value already (%s)", name, object, place(&first))))
			default:
				seen[[2]string{object, name}] = out
			}
			e.fields.add(out, `{"name":`+string(appendString(nil, name))+`,"value":"`, `","objectTypeId":"`+object+`"}`)
		}
	}
	if n := len(e.fields.outputs); n > maxHubSpotFields {
		faults = append(faults, e.fields.outputs[maxHubSpotFields].output.Fault(
			fmt.Errorf("HubSpot takes %d fields at most, these are %d", maxHubSpotFields, n)))
	}
	faults = append(faults, checkLegal(legal)...)
	l, more := newLayout(legal, Omit, appendJSONConst)
	e.legal = l
	faults = append(faults, more...)
	faults = append(faults, e.fields.compile()...)
	faults = append(faults, e.context.compile()...)
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if e.constantRest() {
		rest, err := e.appendRest(nil, nil)
		if err != nil {
			return nil, err
		}
		e.rest = string(rest)
	}
	return e, nil
}

// splitObjectType splits 0-2/name. Without an object type a property is a
// contact's.
func splitObjectType(name string) (object, property string) {
	object, property, ok := strings.Cut(name, "/")
	a, b, dash := strings.Cut(object, "-")
	_, errA := strconv.ParseUint(a, 10, 64)
	_, errB := strconv.ParseUint(b, 10, 64)
	if !ok || !dash || errA != nil || errB != nil {
		return "0-1", name
	}
	return object, property
}

// checkLegal refuses what HubSpot answers INVALID_LEGAL_OPTION_FORMAT: anything
// but one of the two grounds for writing to someone.
func checkLegal(leaves []leaf) (faults []error) {
	for _, l := range leaves {
		switch ground := l.path[0]; {
		case ground != "consent" && ground != "legitimateInterest", len(l.path) == 1:
			faults = append(faults, l.output.Fault(fmt.Errorf("legalConsentOptions has members below consent or legitimateInterest, as in %s", example["legalConsentOptions"])))
		case ground != leaves[0].path[0]:
			faults = append(faults, l.output.Fault(fmt.Errorf("legalConsentOptions has either consent or legitimateInterest, and %.80q is there already (%s)", leaves[0].path[0], place(leaves[0].output))))
		}
	}
	return faults
}

func (e *hubspotEncoder) ContentType() string { return "application/json" }

func (e *hubspotEncoder) Append(dst []byte, src mapping.Source) ([]byte, error) {
	out := append(dst, `{"fields":[`...)
	out, err := e.fields.appendTo(out, src)
	if err != nil {
		return dst, err
	}
	if e.rest != "" {
		return append(out, e.rest...), nil
	}
	if out, err = e.appendRest(out, src); err != nil {
		return dst, err
	}
	return out, nil
}

// constantRest reports whether what follows the fields is the same for every
// lead, as it mostly is: the page and the consent are the endpoint's own.
func (e *hubspotEncoder) constantRest() bool {
	return (e.submitted == nil || e.submitted.Constant) &&
		len(e.context.outputs) == 0 && len(e.legal.slots) == 0
}

// appendRest appends what follows the fields. On error dst is not to be used.
func (e *hubspotEncoder) appendRest(dst []byte, src mapping.Source) (out []byte, err error) {
	out = append(dst, ']')
	if e.submitted != nil {
		if out, err = e.appendSubmitted(out, src); err != nil {
			return out, err
		}
	}
	if len(e.context.outputs) > 0 || e.context.constants != "" {
		const open = `,"context":{`
		start := len(out)
		out = append(out, open...)
		if out, err = e.context.appendTo(out, src); err != nil {
			return out, err
		}
		out = endObject(out, start, len(open))
	}
	if len(e.legal.ops) > 0 {
		const open = `,"legalConsentOptions":`
		start := len(out)
		out = append(out, open...)
		if out, err = e.legal.appendTo(out, src); err != nil {
			return out, err
		}
		if len(out) == start+len(open)+len("{}") {
			out = out[:start]
		}
	}
	return append(out, e.tail...), nil
}

// endObject closes the object that was opened at start, or takes it back where
// it is empty: HubSpot refuses {}.
func endObject(dst []byte, start, open int) []byte {
	if len(dst) == start+open {
		return dst[:start]
	}
	return append(dst, '}')
}

func (e *hubspotEncoder) appendSubmitted(dst []byte, src mapping.Source) ([]byte, error) {
	v := e.submitted.Value
	if !e.submitted.Constant {
		v = valueOf(src, e.submitted.Field)
	}
	out, err := appendMillis(append(dst, `,"submittedAt":"`...), v)
	if err != nil {
		return dst, valueError(e.submitted, v, err)
	}
	if out[len(out)-1] == '"' { // absent or empty
		return dst, nil
	}
	return append(out, '"'), nil
}

// appendMillis appends a time as milliseconds since 1970, which is how HubSpot
// wants submittedAt. Text may be milliseconds already, or a time by RFC 3339.
func appendMillis(dst []byte, v any) ([]byte, error) {
	r, err := mapping.Resolve(v)
	if err != nil {
		return dst, err
	}
	text, err := mapping.AppendText(nil, r)
	if err != nil || len(text) == 0 {
		return dst, err
	}
	if t, ok := r.(time.Time); ok {
		return strconv.AppendInt(dst, t.UnixMilli(), 10), nil
	}
	if _, err := strconv.ParseInt(string(text), 10, 64); err == nil && mapping.ValidNumber(string(text)) {
		return append(dst, text...), nil
	}
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return dst, errors.New("submittedAt takes a time; text must be RFC 3339 or milliseconds since 1970")
	}
	return strconv.AppendInt(dst, t.UnixMilli(), 10), nil
}

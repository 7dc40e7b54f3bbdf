package deliver

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// A HubSpot answer names what it refuses, as in
//
//	{"status":"error","errors":[{"message":"Error in 'fields.email'. …","errorType":"INVALID_EMAIL"}]}
//
// (HubSpot, "Submit data to a form", v3). Names and types are taken by these
// patterns only: the rest of the message may quote the lead.
var (
	hubspotField = regexp.MustCompile(`^Error in '(?:fields\.)?([A-Za-z0-9_./-]{1,100})'`)
	hubspotType  = regexp.MustCompile(`^[A-Z][A-Z_]{1,60}$`)
)

// hubspotCauses says what each errorType of HubSpot's means for the endpoint's
// owner. The list is open; what is not here is taken for a matter of mapping.
var hubspotCauses = map[string]Cause{
	"INVALID_EMAIL":                 CauseLeadData,
	"BLOCKED_EMAIL":                 CauseLeadData,
	"REQUIRED_FIELD":                CauseLeadData,
	"INVALID_NUMBER":                CauseLeadData,
	"NUMBER_OUT_OF_RANGE":           CauseLeadData,
	"INPUT_TOO_LARGE":               CauseLeadData,
	"VALUE_NOT_IN_FIELD_DEFINITION": CauseLeadData,
	"MISSING_PROCESSING_CONSENT":    CauseLeadData,

	"FIELD_NOT_IN_FORM_DEFINITION":            CauseFieldMapping,
	"MAX_NUMBER_OF_SUBMITTED_VALUES_EXCEEDED": CauseFieldMapping,
	"INVALID_FIELD":                           CauseFieldMapping,

	"INVALID_METADATA":                   CauseConfiguration,
	"INVALID_HUTK":                       CauseConfiguration,
	"INVALID_IP_ADDRESS":                 CauseConfiguration,
	"INVALID_PAGE_URI":                   CauseConfiguration,
	"INVALID_GOTOWEBINAR_WEBINAR_KEY":    CauseConfiguration,
	"INVALID_LEGAL_OPTION_FORMAT":        CauseConfiguration,
	"MISSING_PROCESSING_CONSENT_TEXT":    CauseConfiguration,
	"MISSING_COMMUNICATION_CONSENT_TEXT": CauseConfiguration,
	"MISSING_LEGITIMATE_INTEREST_TEXT":   CauseConfiguration,
	"DUPLICATE_SUBSCRIPTION_TYPE_ID":     CauseConfiguration,
	"FORM_HAS_RECAPTCHA_ENABLED":         CauseConfiguration,
	"INVALID_TIMESTAMP":                  CauseConfiguration,
}

// What concerns every lead is told before what concerns this one.
var hubspotOrder = []Cause{CauseConfiguration, CauseFieldMapping, CauseLeadData}

// maxNamed bounds how many of the refused fields an error names.
const maxNamed = 10

// A hubspotRefusal is what a HubSpot answer refuses; it is the error for it.
type hubspotRefusal struct {
	cause  Cause
	fields []string // of that cause
	what   []string // "field email (INVALID_EMAIL)", of any cause
}

func (h *hubspotRefusal) Error() string { return "HubSpot refuses " + strings.Join(h.what, ", ") }

// readHubSpot returns nil where an answer is not HubSpot's, or names nothing.
func readHubSpot(body []byte) *hubspotRefusal {
	var answer struct {
		Errors []struct {
			Message   string `json:"message"`
			ErrorType string `json:"errorType"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil
	}
	var h hubspotRefusal
	fields := make(map[Cause][]string)
	for _, e := range answer.Errors {
		if !hubspotType.MatchString(e.ErrorType) || len(h.what) == maxNamed {
			continue
		}
		cause, known := hubspotCauses[e.ErrorType]
		field := hubspotField.FindStringSubmatch(e.Message)
		switch {
		case field == nil && !known:
			continue // perhaps somebody else's answer
		case !known:
			cause = CauseFieldMapping
		}
		if field == nil {
			fields[cause] = append(fields[cause], "")
			h.what = append(h.what, "the submission ("+e.ErrorType+")")
			continue
		}
		name := strings.Clone(field[1]) // which does not hold on to the message
		fields[cause] = append(fields[cause], name)
		h.what = append(h.what, fmt.Sprintf("field %s (%s)", name, e.ErrorType))
	}
	for _, cause := range hubspotOrder {
		if named := fields[cause]; named != nil {
			h.cause = cause
			for _, f := range named {
				if f != "" {
					h.fields = append(h.fields, f)
				}
			}
			return &h
		}
	}
	return nil
}

package deliver

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A HubSpot answer names the fields that it refuses, as in
//
//	{"status":"error","errors":[{"message":"Error in 'fields.email'. …","errorType":"INVALID_EMAIL"}]}
//
// (HubSpot, "Submit data to a form", v3). Names and types are taken by these
// patterns only: the rest of the message may quote the lead.
var (
	hubspotField = regexp.MustCompile(`^Error in '(?:fields\.)?([A-Za-z0-9_./-]{1,100})'`)
	hubspotType  = regexp.MustCompile(`^[A-Z][A-Z_]{1,60}$`)
)

// maxNamed bounds how many of the refused fields an error names.
const maxNamed = 10

// hubspotAnswer says which fields an answer refuses; nil where it names none, or
// is not HubSpot's.
func hubspotAnswer(body []byte) error {
	var answer struct {
		Errors []struct {
			Message   string `json:"message"`
			ErrorType string `json:"errorType"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil
	}
	var named []string
	for _, e := range answer.Errors {
		field := hubspotField.FindStringSubmatch(e.Message)
		if field != nil && hubspotType.MatchString(e.ErrorType) && len(named) < maxNamed {
			named = append(named, fmt.Sprintf("field %s (%s)", field[1], e.ErrorType))
		}
	}
	if len(named) == 0 {
		return nil
	}
	return errors.New("HubSpot refuses " + strings.Join(named, ", "))
}

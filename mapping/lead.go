package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// A Source gives the values of one lead by field key. ok is false where the
// lead has no such field; a nil value counts as absent too. Package mapping's
// doc lists the types a value may have.
//
// An encoder calls Value once for each output, from one goroutine.
type Source interface {
	Value(field string) (value any, ok bool)
}

// A Typed source has a message type and a lead. It may stay a plain [Source];
// this spares encoders the way through its Value for each field of the lead.
type Typed interface {
	Source
	// Untyped returns what has the values of all fields but messageType; nil is
	// a lead without values. Value still answers for every field.
	Untyped() Source
}

// A Lead is one prospect: values by field key. It is a [Source].
type Lead map[string]any

// Value returns the value of field.
func (l Lead) Value(field string) (any, bool) {
	v, ok := l[field]
	return v, ok
}

// ParseLead reads a lead from a JSON object. Numbers keep their digits: they
// become [json.Number]. Anything but one object is an error, whose text has
// nothing of the data in it.
func ParseLead(data []byte) (Lead, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var l Lead
	if err := d.Decode(&l); err != nil {
		return nil, parseError(err, len(data))
	}
	if l == nil {
		return nil, errors.New("mapping: a lead is a JSON object, this is null")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("mapping: a lead is one JSON object, more follows at byte %d", d.InputOffset())
	}
	return l, nil
}

// parseError says where a lead could not be read, without quoting it: a lead is
// personal data, and errors get logged.
func parseError(err error, size int) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("mapping: a lead is a JSON object, this is no JSON from byte %d on", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Errorf("mapping: a lead is a JSON object, this is a JSON %s", jsonKind(kind.Value))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("mapping: a lead is a JSON object, this ends after %d bytes", size)
	}
	return errors.New("mapping: a lead is a JSON object, this cannot be read as one")
}

// jsonKind keeps the kind of what encoding/json met, and drops the literal that
// it puts behind numbers.
func jsonKind(s string) string {
	for _, kind := range []string{"array", "string", "number", "bool"} {
		if len(s) >= len(kind) && s[:len(kind)] == kind {
			return kind
		}
	}
	return "value"
}

// SetMeeting fills both meeting fields: requestedMeetingTime with the instant
// in UTC, and formattedRequestedMeetingTime with the words that a person in
// zone would use, like "Wednesday, April 22, 2026 at 3:45 PM Eastern Daylight
// Time". The zone's name is CLDR's English long name, daylight or standard as
// it is on that day, or GMT+02:00 where CLDR has no name. A nil zone is UTC.
//
// Like every write to a map it panics on a nil Lead.
func (l Lead) SetMeeting(at time.Time, zone *time.Location) {
	l[FieldRequestedMeetingTime] = at.UTC()
	l[FieldFormattedRequestedMeetingTime] = string(appendMeeting(make([]byte, 0, 96), at, zone))
}

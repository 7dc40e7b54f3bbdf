package routing

import (
	"time"

	"github.com/topprovider/leadhook/mapping"
)

// Classify says what a host should send after a lead changed from previous to
// current. Where nothing was known before (nil, or an empty Lead) that is a new
// lead; where the meeting time was set or changed since, a lead update; else
// nothing, and ok is false.
//
// Two times are the same when they are the same instant, whether they are given
// as time.Time or as text by RFC 3339. Where neither lead has the instant, the
// formatted meeting time is compared.
func Classify(previous, current mapping.Source) (t MessageType, ok bool) {
	if unknown(current) {
		return "", false
	}
	if unknown(previous) {
		return MessageNewLead, true
	}
	field := mapping.FieldRequestedMeetingTime
	before, now := text(previous, field), text(current, field)
	if before == "" && now == "" {
		field = mapping.FieldFormattedRequestedMeetingTime
		before, now = text(previous, field), text(current, field)
	}
	if now == "" || now == before || sameInstant(before, now) {
		return "", false
	}
	return MessageLeadUpdate, true
}

func unknown(s mapping.Source) bool {
	l, ok := s.(mapping.Lead)
	return s == nil || ok && len(l) == 0
}

func sameInstant(a, b string) bool {
	t, errA := time.Parse(time.RFC3339, a)
	u, errB := time.Parse(time.RFC3339, b)
	return errA == nil && errB == nil && t.Equal(u)
}

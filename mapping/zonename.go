package mapping

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// The table is made of the CLDR's data, which building does not need. To make
// it anew, from the CLDR that two npm packages hold:
//
//	npm install --prefix DIR cldr-core@48.2.0 cldr-dates-full@48.2.0
//	CLDR=DIR/node_modules go generate ./mapping

//go:generate go run ./internal/zonegen -cldr $CLDR

// A zoneNaming is what one or more zones are called for some time.
type zoneNaming struct {
	standard, daylight string // "" where the CLDR has no name

	// The offsets from UTC, in minutes, at which the zones have been on standard
	// and on daylight time. They say which of the two it is, where they can, as
	// time.Time.IsDST does not always: builds of the IANA database disagree on
	// whether Dublin's summer is daylight time or its winter is. And an offset
	// that is in neither was never called by these names.
	standardAt, daylightAt []int
}

// A zoneSpan is the time in which a zone has one naming.
type zoneSpan struct {
	from   int64 // Unix seconds, or always
	naming uint16
}

// always begins the oldest span of a zone.
const always = math.MinInt64

// A zoneEntry is a zone or an alias of one.
type zoneEntry struct {
	id    string
	spans uint16 // its newest one in zoneSpans; the older ones follow, down to always
}

// appendMeeting appends the time of a meeting as people write it,
//
//	Wednesday, April 22, 2026 at 3:45 PM Eastern Daylight Time
//
// on the clock of zone; nil is UTC.
func appendMeeting(dst []byte, at time.Time, zone *time.Location) []byte {
	if zone == nil {
		zone = time.UTC
	}
	at = at.In(zone)
	name, offset := longName(at)

	// The clock of the zone as if it were UTC's: the methods of at would look
	// the offset up again, each of them.
	clock := at.UTC().Add(time.Duration(offset) * time.Second)
	year, month, day := clock.Date()
	hour, minute, _ := clock.Clock()
	half := " AM "
	if hour >= 12 {
		half = " PM "
	}
	dst = append(dst, clock.Weekday().String()...)
	dst = append(append(dst, ", "...), month.String()...)
	dst = strconv.AppendInt(append(dst, ' '), int64(day), 10)
	dst = strconv.AppendInt(append(dst, ", "...), int64(year), 10)
	dst = strconv.AppendInt(append(dst, " at "...), int64((hour+11)%12+1), 10)
	dst = appendTwo(append(dst, ':'), minute)
	dst = append(dst, half...)
	if name == "" {
		return appendGMT(dst, offset)
	}
	return append(dst, name...)
}

// zoneName returns the CLDR's English long name of t's zone, as it is at t, or
// the offset in the CLDR's form (GMT+02:00) if there is none. That is so for a
// zone without a name and for a time.Local that is called Local, which does not
// say what zone it is.
func zoneName(t time.Time) string {
	name, offset := longName(t)
	if name == "" {
		return string(appendGMT(nil, offset))
	}
	return name
}

// longName returns "" for no name, and the offset from UTC in seconds.
func longName(t time.Time) (name string, offset int) {
	_, offset = t.Zone()
	span, ok := newestSpan(t.Location().String())
	if !ok || offset%60 != 0 {
		return "", offset
	}
	for sec := t.Unix(); sec < zoneSpans[span].from; {
		span++
	}
	naming := &zoneNames[zoneSpans[span].naming]
	minutes := offset / 60
	standard := slices.Contains(naming.standardAt, minutes)
	daylight := slices.Contains(naming.daylightAt, minutes)
	if standard && daylight {
		// A zone that has moved: Moscow's +04:00 was its summer time before 2011
		// and its standard time after.
		daylight = t.IsDST()
	}
	switch {
	case daylight:
		return naming.daylight, offset
	case standard:
		return naming.standard, offset
	}
	return "", offset
}

// newestSpan returns the index into zoneSpans for a zone's or alias's name.
func newestSpan(id string) (int, bool) {
	low, high := 0, len(zones)
	for low < high {
		mid := int(uint(low+high) / 2)
		if zones[mid].id < id {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == len(zones) || zones[low].id != id {
		return 0, false
	}
	return int(zones[low].spans), true
}

// appendGMT appends the CLDR's localized GMT format: GMT-03:30, and GMT alone
// for zero. The offset is in seconds, and those are written only if not zero.
func appendGMT(dst []byte, offset int) []byte {
	dst = append(dst, "GMT"...)
	if offset == 0 {
		return dst
	}
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	dst = appendTwo(append(dst, sign), offset/3600)
	dst = appendTwo(append(dst, ':'), offset/60%60)
	if offset%60 != 0 {
		dst = appendTwo(append(dst, ':'), offset%60)
	}
	return dst
}

func appendTwo(dst []byte, n int) []byte {
	if n < 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

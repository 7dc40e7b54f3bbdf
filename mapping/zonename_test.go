package mapping

import (
	"bufio"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // for machines without zoneinfo
)

func location(t testing.TB, id string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(id)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestAppendMeeting(t *testing.T) {
	for _, test := range []struct {
		zone, at, want string
	}{
		{"America/New_York", "2026-04-22T19:45:00Z", "Wednesday, April 22, 2026 at 3:45 PM Eastern Daylight Time"},
		{"America/New_York", "2026-01-05T14:05:59Z", "Monday, January 5, 2026 at 9:05 AM Eastern Standard Time"},
		{"US/Eastern", "2026-12-31T05:00:00Z", "Thursday, December 31, 2026 at 12:00 AM Eastern Standard Time"},
		{"America/New_York", "2026-06-01T16:00:00Z", "Monday, June 1, 2026 at 12:00 PM Eastern Daylight Time"},
		{"America/New_York", "2026-06-01T16:30:00Z", "Monday, June 1, 2026 at 12:30 PM Eastern Daylight Time"},
		{"America/New_York", "2026-03-08T06:59:00Z", "Sunday, March 8, 2026 at 1:59 AM Eastern Standard Time"},
		{"America/New_York", "2026-03-08T07:00:00Z", "Sunday, March 8, 2026 at 3:00 AM Eastern Daylight Time"},
		{"America/New_York", "2026-11-01T05:30:00Z", "Sunday, November 1, 2026 at 1:30 AM Eastern Daylight Time"},
		{"America/New_York", "2026-11-01T06:30:00Z", "Sunday, November 1, 2026 at 1:30 AM Eastern Standard Time"},
		{"Asia/Tokyo", "2026-04-22T19:45:00+00:00", "Thursday, April 23, 2026 at 4:45 AM Japan Standard Time"},
		{"", "2026-04-22T19:45:00Z", "Wednesday, April 22, 2026 at 7:45 PM Coordinated Universal Time"},
		{"Etc/GMT+5", "2026-04-22T19:45:00Z", "Wednesday, April 22, 2026 at 2:45 PM GMT-05:00"},
		{"UTC", "0001-01-01T00:00:00Z", "Monday, January 1, 1 at 12:00 AM Coordinated Universal Time"},
		{"UTC", "9999-12-31T23:59:59Z", "Friday, December 31, 9999 at 11:59 PM Coordinated Universal Time"},
	} {
		at, err := time.Parse(time.RFC3339, test.at)
		if err != nil {
			t.Fatal(err)
		}
		var zone *time.Location // nil for ""
		if test.zone != "" {
			zone = location(t, test.zone)
		}
		if got := string(appendMeeting([]byte("> "), at, zone)); got != "> "+test.want {
			t.Errorf("%s at %s:\n got %s\nwant > %s", test.zone, test.at, got, test.want)
		}
	}
}

func TestZoneName(t *testing.T) {
	for _, test := range []struct {
		zone, day, want string
	}{
		{"America/New_York", "2026-01-15", "Eastern Standard Time"},
		{"America/New_York", "2026-07-15", "Eastern Daylight Time"},
		{"EST5EDT", "2026-07-15", "Eastern Daylight Time"},
		{"America/Phoenix", "2026-07-15", "Mountain Standard Time"},
		{"America/St_Johns", "2026-01-15", "Newfoundland Standard Time"},
		{"America/St_Johns", "2026-07-15", "Newfoundland Daylight Time"},
		{"Australia/Lord_Howe", "2026-01-15", "Lord Howe Daylight Time"},
		{"Australia/Lord_Howe", "2026-07-15", "Lord Howe Standard Time"},
		{"Asia/Tokyo", "2026-07-15", "Japan Standard Time"},
		{"Indian/Reunion", "2026-07-15", "Réunion Time"},
		{"Asia/Kolkata", "2026-07-15", "India Standard Time"},
		{"Asia/Calcutta", "2026-07-15", "India Standard Time"},
		{"Asia/Katmandu", "2026-07-15", "Nepal Time"},
		{"Asia/Kathmandu", "2026-07-15", "Nepal Time"},
		{"Pacific/Apia", "2026-01-15", "Samoa Standard Time"},
		{"Pacific/Apia", "2012-01-15", "Samoa Daylight Time"},
		{"America/Sao_Paulo", "2018-01-15", "Brasilia Summer Time"},
		{"America/Sao_Paulo", "2026-01-15", "Brasilia Standard Time"},

		// Names of one zone stand above those of its metazone, and only there.
		{"Europe/London", "2026-01-15", "Greenwich Mean Time"},
		{"Europe/London", "2026-07-15", "British Summer Time"},
		{"GB", "2026-07-15", "British Summer Time"},
		{"Europe/Jersey", "2026-07-15", "GMT+01:00"},
		{"Europe/Dublin", "2026-01-15", "Greenwich Mean Time"},
		{"Europe/Dublin", "2026-07-15", "Irish Standard Time"},
		{"Eire", "2026-07-15", "Irish Standard Time"},
		{"Etc/UTC", "2026-07-15", "Coordinated Universal Time"},
		{"Zulu", "2026-07-15", "Coordinated Universal Time"},
		{"GMT", "2026-07-15", "Greenwich Mean Time"},

		// Ramadan of 2026 began on February 18.
		{"Africa/Casablanca", "2026-01-15", "GMT+01:00"},
		{"Africa/Casablanca", "2026-02-25", "GMT"},
		{"Africa/Casablanca", "2026-07-15", "GMT+01:00"},
		{"Africa/Casablanca", "2018-01-15", "Western European Standard Time"},
		{"Africa/Casablanca", "2018-07-15", "Western European Summer Time"},
		{"Africa/El_Aaiun", "2026-02-25", "GMT"},
		{"Africa/El_Aaiun", "2026-07-15", "GMT+01:00"},
		{"Africa/Windhoek", "1985-07-15", "South Africa Standard Time"},
		{"Africa/Windhoek", "2000-01-15", "GMT+02:00"},
		{"Africa/Windhoek", "2000-07-15", "West Africa Time"},
		{"Africa/Windhoek", "2026-07-15", "Central Africa Time"},
		{"Europe/Prague", "1946-12-20", "GMT"},

		// The metazone is that of the day.
		{"Europe/Lisbon", "1994-01-15", "Central European Standard Time"},
		{"Europe/Lisbon", "2026-01-15", "Western European Standard Time"},
		{"America/Whitehorse", "2020-01-15", "Pacific Standard Time"},
		{"America/Whitehorse", "2026-01-15", "Yukon Time"},
		{"Europe/Moscow", "2009-07-15", "Moscow Summer Time"},
		{"Europe/Moscow", "2012-07-15", "Moscow Standard Time"},
		{"Europe/Moscow", "2026-07-15", "Moscow Standard Time"},

		{"Etc/GMT+5", "2026-07-15", "GMT-05:00"},
		{"Etc/GMT-14", "2026-07-15", "GMT+14:00"},
		{"Factory", "2026-07-15", "GMT"},
		{"America/New_York", "1800-01-01", "GMT-04:56:02"},
	} {
		day, err := time.Parse(time.DateOnly, test.day)
		if err != nil {
			t.Fatal(err)
		}
		if got := zoneName(day.Add(12 * time.Hour).In(location(t, test.zone))); got != test.want {
			t.Errorf("%s on %s: got %s, want %s", test.zone, test.day, got, test.want)
		}
	}
}

func TestZoneNameOfMadeLocation(t *testing.T) {
	for _, test := range []struct {
		id     string
		offset int
		want   string
	}{
		{"", 0, "GMT"},
		{"", 2 * 3600, "GMT+02:00"},
		{"ACME", -(3*3600 + 30*60), "GMT-03:30"},
		{"ACME", -1, "GMT-00:00:01"},
		{"UTC", 0, "Coordinated Universal Time"},
		{"EST", -5 * 3600, "Eastern Standard Time"},

		// Named like a zone that never had that offset.
		{"UTC", 3600, "GMT+01:00"},
		{"EST", 10 * 3600, "GMT+10:00"},
		{"EST", -5*3600 - 1, "GMT-05:00:01"},
		{"America/New_York", 0, "GMT"},

		// Before the first of the table, after the last, and between two.
		{"\x00", 3600, "GMT+01:00"},
		{"\xff", 3600, "GMT+01:00"},
		{"America/New_Yorl", -5 * 3600, "GMT-05:00"},
	} {
		at := time.Date(2026, 7, 15, 12, 0, 0, 0, time.FixedZone(test.id, test.offset))
		if got := zoneName(at); got != test.want {
			t.Errorf("FixedZone(%q, %d): got %s, want %s", test.id, test.offset, got, test.want)
		}
	}
	for _, loc := range []*time.Location{time.Local, time.UTC, new(time.Location)} {
		for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(1<<62, 0), time.Unix(-1<<62, 0), time.Unix(1<<63-1, 0), time.Unix(-1<<63, 0)} {
			got := string(appendMeeting(nil, at, loc))
			if name := zoneName(at.In(loc)); name == "" || !strings.HasSuffix(got, " "+name) {
				t.Errorf("%s: got %q with the name %q", loc, got, name)
			}
		}
	}
	// It is called otherwise where the environment says the zone.
	if time.Local.String() == "Local" {
		local := time.Date(2026, 7, 15, 12, 0, 0, 0, time.Local)
		if got := zoneName(local); !strings.HasPrefix(got, "GMT") {
			t.Errorf("time.Local: got %s, want the offset", got)
		}
	}
}

// Builds of the IANA database differ in which half of a year they call daylight
// time, and zones change after the table is made.
func TestZoneNameOfOtherBuilds(t *testing.T) {
	for _, test := range []struct {
		id, rule       string
		winter, summer string
	}{
		{"Europe/Dublin", "IST-1GMT0,M10.5.0,M3.5.0/1", "Greenwich Mean Time", "Irish Standard Time"},
		{"Europe/Dublin", "GMT0IST,M3.5.0/1,M10.5.0", "Greenwich Mean Time", "Irish Standard Time"},
		{"Africa/Casablanca", "<+01>-1", "GMT+01:00", "GMT+01:00"},
		{"Africa/Casablanca", "<+00>0<+01>,0/0,J365/25", "GMT+01:00", "GMT+01:00"},
		{"America/Vancouver", "MST7", "Pacific Daylight Time", "Pacific Daylight Time"},
		{"Europe/Paris", "EET-2EEST,M3.5.0,M10.5.0/3", "Central European Summer Time", "GMT+03:00"},
	} {
		loc, err := time.LoadLocationFromTZData(test.id, compiled(test.rule))
		if err != nil {
			t.Fatal(err)
		}
		for _, half := range []struct {
			month time.Month
			want  string
		}{{time.January, test.winter}, {time.July, test.summer}} {
			if got := zoneName(time.Date(2027, half.month, 15, 12, 0, 0, 0, loc)); got != half.want {
				t.Errorf("%s by %s in %s: got %s, want %s", test.id, test.rule, half.month, got, half.want)
			}
		}
	}
}

// compiled returns a zone in the form of RFC 8536 which has followed one rule,
// a TZ string of POSIX, since 1970.
func compiled(rule string) []byte {
	block := func(version byte, timeSize int) []byte {
		b := append([]byte("TZif"), version)
		b = append(b, make([]byte, 15)...)
		for _, count := range []uint32{0, 0, 0, 1, 1, 4} { // one transition, one type, four characters
			b = binary.BigEndian.AppendUint32(b, count)
		}
		b = append(b, make([]byte, timeSize+1)...) // the transition: at 0, to type 0
		b = append(b, make([]byte, 6)...)          // the type: UTC
		return append(b, "LMT\x00"...)
	}
	return slices.Concat(block('2', 4), block('2', 8), []byte("\n"+rule+"\n"))
}

// witnesses returns the lines of the golden file: a zone, its name in winter
// and, if that is another, in summer.
func witnesses(t *testing.T) [][]string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "zonenames.golden"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines [][]string
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		if line := scanner.Text(); !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.Split(line, "\t"))
		}
	}
	if len(lines) < 590 {
		t.Fatalf("%d zones in the golden file", len(lines))
	}
	return lines
}

func TestZoneNameAgreesWithICU(t *testing.T) {
	for _, line := range witnesses(t) {
		loc := location(t, line[0])
		winter, summer := line[1], line[len(line)-1]
		if got := zoneName(time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC).In(loc)); got != winter {
			t.Errorf("%s in winter: got %s, want %s", loc, got, winter)
		}
		if got := zoneName(time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC).In(loc)); got != summer {
			t.Errorf("%s in summer: got %s, want %s", loc, got, summer)
		}
	}
}

func TestEveryZoneHasANameOnEveryDay(t *testing.T) {
	ids := []string{"Factory"}
	for _, line := range witnesses(t) {
		ids = append(ids, line[0])
	}
	for _, zone := range zones {
		ids = append(ids, zone.id)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		loc := location(t, id)
		for at := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2041; at = at.Add(31*24*time.Hour + 5*time.Hour) {
			name := zoneName(at.In(loc))
			if strings.TrimSpace(name) == "" {
				t.Errorf("%s at %s: %q", id, at, name)
			}
			want := at.In(loc).Format("Monday, January 2, 2006 at 3:04 PM ") + name
			if got := string(appendMeeting(nil, at, loc)); got != want {
				t.Errorf("%s at %s:\n got %s\nwant %s", id, at, got, want)
			}
		}
	}
}

// The look-up relies on this order.
func TestZonesAreSorted(t *testing.T) {
	for i := range zones[1:] {
		if zones[i].id >= zones[i+1].id {
			t.Errorf("%s before %s", zones[i].id, zones[i+1].id)
		}
	}
}

func TestAppendMeetingDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 128)
	at := time.Date(2026, 4, 22, 19, 45, 0, 0, time.UTC)
	for _, id := range []string{"America/New_York", "Etc/GMT+5", "Europe/Moscow", "UTC"} {
		loc := location(t, id)
		if n := testing.AllocsPerRun(100, func() { buf = appendMeeting(buf[:0], at, loc) }); n != 0 {
			t.Errorf("appendMeeting in %s: %v allocations", id, n)
		}
	}
	local := at.In(location(t, "America/New_York"))
	if n := testing.AllocsPerRun(100, func() { _ = zoneName(local) }); n != 0 {
		t.Errorf("zoneName: %v allocations", n)
	}
}

// The claim: no slower than time.Format and a look-up in a map of names, which
// would be wrong for half of each year.
func BenchmarkMeeting(b *testing.B) {
	at := time.Date(2026, 4, 22, 19, 45, 0, 0, time.UTC)
	zone := location(b, "America/New_York")
	buf := make([]byte, 0, 128)

	b.Run("appendMeeting", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = appendMeeting(buf[:0], at, zone)
		}
	})
	b.Run("FormatAndMap", func(b *testing.B) {
		names := make(map[string]string)
		for _, zone := range zones {
			names[zone.id] = "Eastern Daylight Time"
		}
		b.ReportAllocs()
		for b.Loop() {
			buf = at.In(zone).AppendFormat(buf[:0], "Monday, January 2, 2006 at 3:04 PM ")
			buf = append(buf, names[zone.String()]...)
		}
	})
}

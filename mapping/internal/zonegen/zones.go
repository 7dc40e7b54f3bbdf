package main

import (
	"archive/zip"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// readZones returns the compiled form of every zone and alias of the IANA
// database.
func readZones(file string) (map[string][]byte, error) {
	archive, err := zip.OpenReader(file)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	zones := make(map[string][]byte)
	for _, f := range archive.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		content, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		zones[f.Name] = content
	}
	return zones, nil
}

// renamed are the zones that the CLDR has under an older name only, and that
// neither its aliases nor their content lead to: the older name, in the IANA
// database a mere link by now, points to another zone that agrees since 1970.
var renamed = map[string]string{
	"Africa/Asmara":    "Africa/Asmera",
	"America/Atikokan": "America/Coral_Harbour",
	"Pacific/Chuuk":    "Pacific/Truk",
	"Pacific/Pohnpei":  "Pacific/Ponape",
}

// nameless are the zones that mean an offset and no place. The CLDR's name for
// them is the offset.
func nameless(zone string) bool {
	return zone == "Factory" || strings.HasPrefix(zone, "Etc/GMT+") || strings.HasPrefix(zone, "Etc/GMT-")
}

// filedAs returns the zone under which the CLDR has an IANA zone: itself, the
// one its aliases say, or the one that is compiled to the same bytes. It is ""
// for the nameless.
func (c *cldr) filedAs(zone string, compiled map[string][]byte) (string, error) {
	if c.periods[zone] != nil {
		return zone, nil
	}
	if to := cmp.Or(renamed[zone], c.aliases[zone]); to != "" {
		if c.periods[to] == nil {
			return "", fmt.Errorf("%s: alias of %s, which the CLDR has no names for", zone, to)
		}
		return to, nil
	}
	var found string
	for _, to := range slices.Sorted(maps.Keys(c.periods)) {
		switch {
		case string(compiled[zone]) != string(compiled[to]):
		case found == "":
			found = to
		case !slices.Equal(c.periods[found], c.periods[to]):
			return "", fmt.Errorf("%s: alias of both %s and %s, which differ in name", zone, found, to)
		}
	}
	if found == "" && !nameless(zone) {
		return "", fmt.Errorf("%s: the CLDR has neither the zone nor an alias of it", zone)
	}
	return found, nil
}

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"time"
)

// cldr is the part of the CLDR that names zones.
type cldr struct {
	version string
	aliases map[string]string   // deprecated zone to the one in use
	periods map[string][]period // by zone, oldest first and without gaps
}

// A naming is what a zone is called for some time. "" is no name.
type naming struct{ Standard, Daylight string }

func (n naming) compare(other naming) int {
	return cmp.Or(cmp.Compare(n.Standard, other.Standard), cmp.Compare(n.Daylight, other.Daylight))
}

// A period is the time in which a zone goes by one naming.
type period struct {
	naming
	from, to int64 // Unix seconds

	// The offsets in minutes that the CLDR states where builds of the IANA
	// database differ in which of the two is daylight time.
	hasOffsets             bool
	standardAt, daylightAt int
}

// The shapes of the CLDR's JSON. Zones are nested by the parts of their names.
type (
	metaZonesFile struct {
		Supplemental struct {
			MetaZones struct {
				MetazoneInfo struct{ Timezone json.RawMessage }
			}
		}
	}
	usesMetazone struct {
		UsesMetazone struct {
			Mzone     string `json:"_mzone"`
			From      string `json:"_from"`
			To        string `json:"_to"`
			StdOffset string `json:"_stdOffset"`
			DstOffset string `json:"_dstOffset"`
		}
	}
	aliasesFile struct {
		Supplemental struct {
			Metadata struct {
				Alias struct{ ZoneAlias json.RawMessage }
			}
		}
	}
	zoneAlias struct {
		Replacement string `json:"_replacement"`
	}
	namesFile struct {
		Main struct {
			En struct {
				Dates struct {
					TimeZoneNames struct {
						Zone     json.RawMessage
						Metazone map[string]longName
					}
				}
			}
		}
	}
	longName struct {
		Long naming
	}
)

func readCLDR(dir string) (*cldr, error) {
	var (
		pkg     struct{ Version string }
		meta    metaZonesFile
		aliases aliasesFile
		names   namesFile
	)
	core := filepath.Join(dir, "cldr-core")
	if err := errors.Join(
		readJSON(filepath.Join(core, "package.json"), &pkg),
		readJSON(filepath.Join(core, "supplemental", "metaZones.json"), &meta),
		readJSON(filepath.Join(core, "supplemental", "aliases.json"), &aliases),
		readJSON(filepath.Join(dir, "cldr-dates-full", "main", "en", "timeZoneNames.json"), &names),
	); err != nil {
		return nil, err
	}
	c := &cldr{version: pkg.Version, aliases: make(map[string]string), periods: make(map[string][]period)}

	if err := leaves(aliases.Supplemental.Metadata.Alias.ZoneAlias, "", func(zone string, a zoneAlias) error {
		c.aliases[zone] = a.Replacement
		return nil
	}); err != nil {
		return nil, fmt.Errorf("aliases.json: %w", err)
	}

	own := make(map[string]naming) // names of one zone go before those of its metazone
	tzn := names.Main.En.Dates.TimeZoneNames
	if err := leaves(tzn.Zone, "", func(zone string, n longName) error {
		if own[zone] = n.Long; own[zone] != (naming{}) {
			// A zone like Etc/UTC is in no metazone at all.
			c.periods[zone] = []period{{naming: own[zone], from: math.MinInt64, to: math.MaxInt64}}
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("timeZoneNames.json: %w", err)
	}

	if err := leaves(meta.Supplemental.MetaZones.MetazoneInfo.Timezone, "", func(zone string, uses []usesMetazone) error {
		var err error
		if c.periods[zone], err = readPeriods(uses, own[zone], tzn.Metazone); err != nil {
			return fmt.Errorf("%s: %w", zone, err)
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("metaZones.json: %w", err)
	}
	return c, nil
}

// readPeriods puts a period without a name where the metazones leave a gap.
func readPeriods(uses []usesMetazone, own naming, metazones map[string]longName) ([]period, error) {
	var periods []period
	end := int64(math.MinInt64)
	for _, u := range uses {
		m := u.UsesMetazone
		long := metazones[m.Mzone].Long
		p := period{
			naming: naming{
				Standard: cmp.Or(own.Standard, long.Standard),
				Daylight: cmp.Or(own.Daylight, long.Daylight),
			},
			from: math.MinInt64,
			to:   math.MaxInt64,
		}
		var err error
		if m.From != "" {
			p.from, err = readTime(m.From)
		}
		if m.To != "" && err == nil {
			p.to, err = readTime(m.To)
		}
		if m.StdOffset != "" && err == nil {
			p.hasOffsets = true
			p.standardAt, err = readOffset(m.StdOffset)
		}
		if m.DstOffset != "" && err == nil {
			p.daylightAt, err = readOffset(m.DstOffset)
		}
		switch {
		case err != nil:
			return nil, err
		case (m.StdOffset == "") != (m.DstOffset == ""):
			return nil, fmt.Errorf("metazone %s has one offset of two", m.Mzone)
		case p.from < end || p.from >= p.to:
			return nil, fmt.Errorf("metazone %s from %q to %q is out of order", m.Mzone, m.From, m.To)
		case p.from > end:
			periods = append(periods, period{from: end, to: p.from})
		}
		periods = append(periods, p)
		end = p.to
	}
	if end < math.MaxInt64 {
		periods = append(periods, period{from: end, to: math.MaxInt64})
	}
	return periods, nil
}

func readTime(s string) (int64, error) {
	t, err := time.Parse("2006-01-02 15:04", s)
	return t.Unix(), err
}

// readOffset reads +01 and -03:30 as minutes.
func readOffset(s string) (int, error) {
	layout := "-07"
	if len(s) > len(layout) {
		layout = "-07:00"
	}
	t, err := time.Parse(layout, s)
	_, offset := t.Zone()
	return offset / 60, err
}

// leaves calls f for every zone of a tree whose branches are the parts of the
// zones' names. A leaf is a list, or has a key that starts with an underscore.
func leaves[T any](tree json.RawMessage, name string, f func(zone string, leaf T) error) error {
	var branches map[string]json.RawMessage
	isLeaf := tree[0] == '['
	if !isLeaf {
		if err := json.Unmarshal(tree, &branches); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for key := range branches {
			isLeaf = isLeaf || key[0] == '_'
		}
	}
	if isLeaf {
		var leaf T
		if err := json.Unmarshal(tree, &leaf); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return f(name, leaf)
	}
	for key, branch := range branches {
		if err := leaves(branch, path.Join(name, key), f); err != nil {
			return err
		}
	}
	return nil
}

func readJSON(file string, v any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// Command zonegen writes zonename_table.go: the English long names that the
// CLDR gives to the zones of the IANA database.
//
// The CLDR's half comes from two npm packages, which only this command needs:
//
//	npm install --prefix DIR cldr-core@48.2.0 cldr-dates-full@48.2.0
//	CLDR=DIR/node_modules go generate ./mapping
//
// The IANA half is the zoneinfo.zip of the Go toolchain that runs it.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("zonegen: ")
	cldrDir := flag.String("cldr", "", "node_modules `directory` holding cldr-core and cldr-dates-full")
	// go generate sets GOROOT.
	iana := flag.String("zoneinfo", filepath.Join(os.Getenv("GOROOT"), "lib", "time", "zoneinfo.zip"), "compiled IANA zones, a zip `file`")
	out := flag.String("out", "zonename_table.go", "Go `file` to write")
	flag.Parse()
	if err := run(*cldrDir, *iana, *out); err != nil {
		log.Fatal(err)
	}
}

func run(cldrDir, iana, out string) error {
	c, err := readCLDR(cldrDir)
	if err != nil {
		return fmt.Errorf("reading the CLDR: %w", err)
	}
	compiled, err := readZones(iana)
	if err != nil {
		return fmt.Errorf("reading the IANA zones: %w", err)
	}
	t, err := build(c, compiled)
	if err != nil {
		return err
	}
	src, err := t.source(c.version)
	if err != nil {
		return err
	}
	return os.WriteFile(out, src, 0o644)
}

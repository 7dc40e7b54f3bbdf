// Durable is a host that loses no lead: an HTTP server that stores a lead and its
// deliveries in one transaction, on a SQLite file or on PostgreSQL, and delivers
// them whatever happens to it meanwhile. README.md is the guide from one machine
// to a cluster.
//
//	go run .                                  # one machine, on durable.db
//	go run . -postgres postgres://localhost/  # one of many machines
//	go run . -kill                            # killed again and again: what arrives
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// settings are what the flags say.
type settings struct {
	listen    string
	sqlite    string
	postgres  string
	pool      int
	endpoints string
	private   bool
	workers   int
	rescue    time.Duration
	retry     time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		slog.Error(err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("durable", flag.ContinueOnError)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:8080", "address to serve at")
	flags.StringVar(&s.sqlite, "sqlite", "durable.db", "`file` of the database, for one machine")
	flags.StringVar(&s.postgres, "postgres", "", "`URL` of the database instead, for many machines")
	flags.IntVar(&s.pool, "pool", 10, "connections to PostgreSQL")
	flags.StringVar(&s.endpoints, "endpoints", "", "`file` with a JSON array of endpoints; none: a demonstration on loopback")
	flags.BoolVar(&s.private, "private", false, "allow endpoints on loopback or a private network")
	flags.IntVar(&s.workers, "workers", 50, "deliveries at a time; 0: this machine only stores")
	flags.DurationVar(&s.rescue, "rescue", 2*time.Minute, "what has been under way for so long died with its machine, and is sent again")
	flags.DurationVar(&s.retry, "retry", 0, "wait between attempts; 0: the schedule of Standard Webhooks")
	quiet := flags.Bool("quiet", false, "log what fails only")
	kill := flags.Bool("kill", false, "show what arrives from a host that is killed again and again")
	measure := flags.Int("measure", 0, "store and deliver so `many` leads, and print how fast that was")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *quiet {
		slog.SetLogLoggerLevel(slog.LevelWarn)
	}
	switch {
	case flags.NArg() > 0:
		return errors.New("it takes flags only; -help lists them")
	case *kill:
		return demonstrate(ctx, out, s.postgres, demonstration{kills: 4, every: 500 * time.Millisecond})
	case *measure > 0:
		return measured(ctx, out, s, *measure)
	case s.postgres != "":
		db, err := openPostgres(ctx, s.postgres, s.pool)
		if err != nil {
			return err
		}
		return serve(ctx, out, db, s)
	}
	db, err := openSQLite(s.sqlite)
	if err != nil {
		return err
	}
	return serve(ctx, out, db, s)
}

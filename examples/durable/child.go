package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/topprovider/leadhook"
)

// A bench runs hosts in processes of their own, on a database that is gone
// afterwards.
type bench struct {
	args  []string // of every child
	sql   *sql.DB
	close func()
}

// newBench makes an empty database: a file in a temporary folder, or a schema in
// PostgreSQL.
func newBench(ctx context.Context, postgres string, endpoints []leadhook.Endpoint) (*bench, error) {
	dir, err := os.MkdirTemp("", "durable-")
	if err != nil {
		return nil, err
	}
	b := &bench{close: func() { os.RemoveAll(dir) }}
	file := filepath.Join(dir, "endpoints.json")
	data, err := json.Marshal(endpoints)
	if err == nil {
		err = os.WriteFile(file, data, 0o600)
	}
	if err == nil && postgres == "" {
		err = b.onSQLite(filepath.Join(dir, "durable.db"))
	} else if err == nil {
		err = b.onPostgres(ctx, postgres, strings.ToLower(filepath.Base(dir)))
	}
	if err != nil {
		b.close()
		return nil, err
	}
	b.args = append(b.args, "-listen", "127.0.0.1:0", "-quiet", "-private", "-endpoints", file)
	return b, nil
}

func (b *bench) onSQLite(file string) error {
	db, err := openSQLite(file)
	if err != nil {
		return err
	}
	removeDir := b.close
	b.sql, b.args, b.close = db.sql, []string{"-sqlite", file}, func() { db.close(); removeDir() }
	return nil
}

func (b *bench) onPostgres(ctx context.Context, address, schema string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	db, err := openPostgres(ctx, u.String(), 2)
	if err != nil {
		return err
	}
	if _, err := db.sql.ExecContext(ctx, fmt.Sprintf("CREATE SCHEMA %q", schema)); err != nil {
		db.close()
		return err
	}
	removeDir := b.close
	b.sql, b.args = db.sql, []string{"-postgres", u.String()}
	b.close = func() {
		db.sql.Exec(fmt.Sprintf("DROP SCHEMA %q CASCADE", schema))
		db.close()
		removeDir()
	}
	return nil
}

// leads are those that were committed.
func (b *bench) leads(ctx context.Context) (ids []string, err error) {
	rows, err := b.sql.QueryContext(ctx, "SELECT id FROM leads")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// A child is a host in another process.
type child struct {
	cmd *exec.Cmd
	url string
}

// start starts this program once more, and returns when it takes leads.
func (b *bench) start(args ...string) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, append(b.args[:len(b.args):len(b.args)], args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd}
	line, err := bufio.NewReader(out).ReadString('\n')
	at := strings.Index(line, "http://")
	if err != nil || at < 0 {
		c.kill()
		return nil, errors.New("the host did not start")
	}
	c.url = strings.TrimSuffix(strings.TrimSpace(line[at:]), "/leads")
	return c, nil
}

// kill ends it as a power cut would: with no time to do anything.
func (c *child) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

// stop ends it as a deploy does.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	ended := time.AfterFunc(30*time.Second, func() { c.cmd.Process.Kill() })
	defer ended.Stop()
	return c.cmd.Wait()
}

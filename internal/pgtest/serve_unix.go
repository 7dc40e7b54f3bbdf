//go:build unix

package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// serve starts a server with settings.
func serve(bin, settings string) (*server, error) {
	dir, err := os.MkdirTemp("", "leadhook-pg-")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", keeper, "sh", bin, settings)
	cmd.Dir = dir
	// A process group of its own: what interrupts the tests from a terminal must
	// not end the keeper before its work is done.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() == 0 { // which PostgreSQL refuses
		if cmd.SysProcAttr.Credential, err = ordinary(); err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(cmd.SysProcAttr.Credential.Uid), int(cmd.SysProcAttr.Credential.Gid)); err != nil {
			return nil, err
		}
	}
	in, life, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	cmd.Stdin = in
	said, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	dsn := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: url.Values{"host": {dir}}.Encode()}
	s := &server{dsn: dsn.String(), keeper: life, said: bufio.NewReader(said), gone: cmd.Wait}
	if _, err := s.said.ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb or pg_ctl of %s failed; the user needs access to %s", bin, dir), cmd.Wait())
	}
	return s, nil
}

// ordinary is a user that is not root.
func ordinary() (*syscall.Credential, error) {
	var errs []error
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.Join(errs...)
}

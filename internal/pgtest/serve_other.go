//go:build !unix

package pgtest

import "errors"

func serve(string, string) (*server, error) {
	return nil, errors.New("it is started on Unix only; set LEADHOOK_TEST_POSTGRES")
}

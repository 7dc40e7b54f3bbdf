//go:build !unix

package pgtest

import "errors"

func serve(string) (string, error) {
	return "", errors.New("it is started on Unix only; set LEADHOOK_TEST_POSTGRES")
}

package history

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// What folds at once folds as it does step by step.
func TestPlainTextFoldsTheShortWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := []byte(rapid.StringOf(rapid.SampledFrom([]rune("aZ09 _-.\"'{}:,&%\\+;u41\tü~\x7f"))).Draw(t, "s"))
		short, long := fold(s), (&folded{text: s, at: identity(s)}).long()
		assert.Equal(t, string(long.text), string(short.text))
		assert.Equal(t, long.at, short.at)
	})
	assert.True(t, isPlain([]byte(`{"ok":true, "id": "A-1"}`)))
	assert.False(t, isPlain(bytes.ToUpper([]byte("a%41"))))
}

package leadhook_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/routing"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func blocks(text, language string) (blocks []string) {
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// The README's program is the tested Example, and what it prints is its output.
func TestTheReadmesProgramIsTheExample(t *testing.T) {
	readme := read(t, "README.md")
	programs := blocks(readme, "go")
	require.Len(t, programs, 1)
	_, body, ok := strings.Cut(programs[0], "func main() {\n")
	require.True(t, ok)
	_, example, ok := strings.Cut(read(t, "example_test.go"), "func Example() {\n")
	require.True(t, ok)
	code, rest, ok := strings.Cut(example, "\t// Output:\n")
	require.True(t, ok)
	assert.Equal(t, code, strings.TrimSuffix(body, "}\n"))

	output, _, ok := strings.Cut(rest, "}\n\n")
	require.True(t, ok)
	assert.Equal(t, strings.ReplaceAll(output, "\t// ", ""), blocks(readme, "text")[0])
}

// The README's endpoint is one, with every setting that there is.
func TestTheReadmesEndpointIsValid(t *testing.T) {
	d := json.NewDecoder(strings.NewReader(blocks(read(t, "README.md"), "json")[0]))
	d.DisallowUnknownFields()
	var e leadhook.Endpoint
	require.NoError(t, d.Decode(&e))
	assert.NoError(t, e.Validate(nil))
	var settings map[string]any
	require.NoError(t, json.Unmarshal([]byte(blocks(read(t, "README.md"), "json")[0]), &settings))
	assert.Len(t, settings, reflect.TypeFor[leadhook.Endpoint]().NumField())
}

func TestTheReadmesTablesAreComplete(t *testing.T) {
	readme := read(t, "README.md")
	for _, c := range deliver.Causes() {
		assert.Contains(t, readme, fmt.Sprintf("| `%s` |", c))
		assert.Regexp(t, fmt.Sprintf(`(?m)^//	\| %s +\|`, c), read(t, "deliver/doc.go"))
	}
	for _, f := range encode.Formats() {
		assert.Contains(t, readme, fmt.Sprintf("| `%s`", f))
	}
	for _, e := range routing.EndpointTypes() {
		assert.Contains(t, readme, fmt.Sprintf("| `%s`", e))
	}
}

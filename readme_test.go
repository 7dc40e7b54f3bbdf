package leadhook_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
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

// The README's program is the tested Example, and what it prints is its output;
// its other pieces of code are parts of tested ones.
func TestTheReadmesProgramIsTheExample(t *testing.T) {
	readme := read(t, "README.md")
	programs := blocks(readme, "go")
	require.Len(t, programs, 3)
	unindented := strings.ReplaceAll("\n"+read(t, "trusted_test.go"), "\n\t", "\n")
	assert.Contains(t, unindented, programs[1])
	unindented = strings.ReplaceAll("\n"+read(t, "deliver/riverqueue/example_test.go"), "\n\t", "\n")
	assert.Contains(t, unindented, programs[2])
	_, body, ok := strings.Cut(programs[0], "func main() {\n")
	require.True(t, ok)
	_, example, ok := strings.Cut(read(t, "example_test.go"), "func Example() {\n")
	require.True(t, ok)
	code, rest, ok := strings.Cut(example, "\t// Output:\n")
	require.True(t, ok)
	assert.Equal(t, code, strings.TrimSuffix(body, "}\n"))

	output, _, ok := strings.Cut(rest, "}\n\n")
	require.True(t, ok)
	want := blocks(readme, "text")[0]
	assert.Equal(t, strings.ReplaceAll(output, "\t// ", ""), want)

	// And it is a whole program.
	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, []byte(programs[0]), 0o644))
	got, err := exec.Command("go", "run", file).CombinedOutput()
	require.NoError(t, err, string(got))
	assert.Equal(t, want, string(got))
}

// The README's endpoint is one, with every setting that there is.
func TestTheReadmesEndpointIsValid(t *testing.T) {
	d := json.NewDecoder(strings.NewReader(blocks(read(t, "README.md"), "json")[1]))
	d.DisallowUnknownFields()
	var e leadhook.Endpoint
	require.NoError(t, d.Decode(&e))
	require.NotNil(t, e.ClientCertificate)
	e.ClientCertificate = pair(t)
	assert.NoError(t, e.Validate(nil))
	var settings map[string]any
	require.NoError(t, json.Unmarshal([]byte(blocks(read(t, "README.md"), "json")[1]), &settings))
	assert.Len(t, settings, reflect.TypeFor[leadhook.Endpoint]().NumField())
}

func TestTheReadmesOutcomeRulesAreSound(t *testing.T) {
	d := json.NewDecoder(strings.NewReader(blocks(read(t, "README.md"), "json")[0]))
	d.DisallowUnknownFields()
	var rules []deliver.OutcomeRule
	require.NoError(t, d.Decode(&rules))
	require.NoError(t, deliver.Destination{URL: "https://example.com", Outcomes: rules}.Validate())
	a := deliver.Attempt{StatusCode: 200}
	assert.NoError(t, (&deliver.Destination{Outcomes: rules}).Judge(&a, []byte(`{"success":false,"reason":"duplicate"}`)))
	assert.True(t, a.Duplicate)
}

// The table of causes says what Judge does with each code that it names.
func TestTheReadmesVerdictsAreJudges(t *testing.T) {
	verdicts := map[error]string{deliver.ErrExhausted: "retried, then exhausted", deliver.ErrRejected: "rejected"}
	codes := 0
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (.*) \\| (.*) \\|$").FindAllStringSubmatch(read(t, "README.md"), -1) {
		when, _, _ := strings.Cut(row[2], " but ")
		if strings.Contains(when, "any other code") {
			when = "404 501 505 204"
		}
		for _, code := range regexp.MustCompile(`\b[1-5]([0-9]{2}|xx)\b`).FindAllString(when, -1) {
			n, err := strconv.Atoi(strings.ReplaceAll(code, "xx", "02"))
			require.NoError(t, err)
			cause, verdict := deliver.Judge(n, nil)
			assert.Equal(t, row[1], string(cause), code)
			assert.True(t, strings.HasPrefix(row[3], verdicts[verdict]), "%s: %s", code, row[3])
			codes++
		}
	}
	assert.Equal(t, 15, codes)
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

package leadhook_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/topprovider/leadhook"

// What of ours each package may import. An arrow that is not here is a fault.
var house = map[string][]string{
	"":                            {"mapping", "encode", "routing", "deliver"},
	"mapping":                     {},
	"encode":                      {"mapping"},
	"routing":                     {"mapping"},
	"deliver":                     {},
	"deliver/delivertest":         {"deliver"},
	"deliver/health":              {"deliver"},
	"deliver/history":             {"deliver"},
	"deliver/history/historytest": {"deliver", "deliver/history"},
	"deliver/limit":               {"deliver"},
}

type listed struct {
	ImportPath, Dir string
	GoFiles         []string
	Imports         []string
	Standard        bool
	Module          *struct{ Path string }
}

func goList(t *testing.T, args ...string) (packages []listed) {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,GoFiles,Imports,Standard,Module"}, args...)...).Output()
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(out))
	for {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			return packages
		} else {
			require.NoError(t, err)
		}
		packages = append(packages, p)
	}
}

func TestArrowsPointAsTheHouseSays(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range goList(t, "./...") {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if strings.HasPrefix(name, "examples") || strings.Contains(name, "internal") {
			continue
		}
		allowed, ok := house[name]
		require.True(t, ok, "package %s is not in the house; give it a place", name)
		seen[name] = true
		for _, imported := range p.Imports {
			if rest, ours := strings.CutPrefix(imported, module+"/"); ours {
				assert.Contains(t, allowed, rest, "package %q imports it", name)
			}
		}
	}
	assert.Len(t, seen, len(house))
}

func TestThePillarsArePure(t *testing.T) {
	for _, p := range goList(t, "./mapping", "./encode", "./routing") {
		for _, imported := range p.Imports {
			assert.NotContains(t, []string{"net", "net/http", "os", "math/rand", "math/rand/v2", "crypto/rand"}, imported, p.ImportPath)
		}
		for _, file := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, 0)
			require.NoError(t, err)
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					x, _ := s.X.(*ast.Ident)
					assert.False(t, x != nil && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After"}, s.Sel.Name), "%s uses time.%s", file, s.Sel.Name)
				}
				return true
			})
		}
	}
}

func TestDelivertestNeedsTheStandardLibraryOnly(t *testing.T) {
	for _, p := range goList(t, "./deliver/delivertest") {
		for _, imported := range p.Imports {
			assert.False(t, strings.Contains(imported, ".") && imported != module+"/deliver", imported)
		}
	}
}

// What an importer of the core builds with. Whatever drags a database, a broker
// or a test library in belongs to a module of its own.
func TestTheCoreIsShort(t *testing.T) {
	core := map[string]bool{
		module:                                  true,
		"code.dny.dev/ssrf":                     true,
		"github.com/hashicorp/go-cleanhttp":     true,
		"github.com/hashicorp/go-retryablehttp": true,
		"github.com/tidwall/gjson":              true,
		"github.com/tidwall/match":              true,
		"github.com/tidwall/pretty":             true,
		"github.com/tidwall/sjson":              true,
	}
	assert.Equal(t, core, modules(t, "."))
	core["github.com/sony/gobreaker/v2"], core["golang.org/x/time"] = true, true // package limit
	assert.Equal(t, core, modules(t, "./..."))
}

// Who imports the core gets neither River nor a database's driver into go.sum: its
// go.mod requires none of them, and nothing that it requires does.
func TestTheCoreRequiresNeitherRiverNorADriver(t *testing.T) {
	list := exec.Command("go", "list", "-m", "all")
	list.Env = append(os.Environ(), "GOWORK=off")
	all, err := list.Output()
	require.NoError(t, err)
	require.Contains(t, string(all), "github.com/hashicorp/go-retryablehttp ")
	for _, other := range []string{"riverqueue", "jackc/pgx", "modernc.org", "sqlite", "lib/pq"} {
		assert.NotContains(t, string(all), other)
	}
}

// modules returns those that packages are built of.
func modules(t *testing.T, packages string) map[string]bool {
	paths := map[string]bool{}
	for _, p := range goList(t, "-deps", packages) {
		if !p.Standard && p.Module != nil {
			paths[p.Module.Path] = true
		}
	}
	return paths
}

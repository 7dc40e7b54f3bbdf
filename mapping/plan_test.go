package mapping_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/mapping"
)

func rules(pairs ...string) (rules []mapping.Rule) {
	for i := 0; i < len(pairs); i += 2 {
		rules = append(rules, mapping.Rule{Field: pairs[i], Name: pairs[i+1]})
	}
	return rules
}

func faults(t *testing.T, err error) (all []*mapping.RuleError) {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok, "faults come joined: %v", err)
	for _, err := range joined.Unwrap() {
		var fault *mapping.RuleError
		require.True(t, errors.As(err, &fault), "%v", err)
		all = append(all, fault)
	}
	return all
}

func TestCompileReportsEveryFaultAtOnce(t *testing.T) {
	_, err := mapping.Compile(mapping.Mapping{
		Rules: rules("fristName", "first", "email", "", "lastName", "x", "phone", "x", "", "y", "city", "bad\xff"),
		Constants: []mapping.Constant{
			{Name: "x", Value: 1}, {Name: "", Value: 1}, {Name: "n"}, {Name: "p", Value: (*string)(nil)},
		},
	}, nil)
	got := faults(t, err)
	var places []any
	for _, f := range got {
		places = append(places, [2]any{f.Constant, f.Index})
	}
	assert.Equal(t, []any{
		[2]any{false, 0}, [2]any{false, 1}, [2]any{false, 3}, [2]any{false, 4}, [2]any{false, 5},
		[2]any{true, 0}, [2]any{true, 1}, [2]any{true, 2}, [2]any{true, 3},
	}, places)
	for _, says := range []string{
		`rule 0 ("fristName" → "first"): field "fristName" is not in the catalog; did you mean "firstName"?`,
		`rule 1 ("email" → ""): the name is empty`,
		`rule 3 ("phone" → "x"): the name "x" is given twice, first by rule 2`,
		`rule 4 ("" → "y"): it names no field`,
		`not valid UTF-8`,
		`constant 0 ("x"): the name "x" is given twice, first by rule 2`,
		`constant 2 ("n"): it has no value`,
	} {
		assert.ErrorContains(t, err, says)
	}
}

func TestCompileRefusesAnEmptyMapping(t *testing.T) {
	_, err := mapping.Compile(mapping.Mapping{}, nil)
	got := faults(t, err)
	require.Len(t, got, 1)
	assert.Equal(t, -1, got[0].Index)
	assert.EqualError(t, got[0], "the mapping has neither a rule nor a constant; map at least one field")
}

func TestCompileBoundsWhatItTakes(t *testing.T) {
	var m mapping.Mapping
	for i := range 2000 {
		m.Rules = append(m.Rules, mapping.Rule{Field: "email", Name: fmt.Sprint("n", i)})
	}
	_, err := mapping.Compile(m, nil)
	require.NoError(t, err)
	m.Constants = []mapping.Constant{{Name: "c", Value: 1}}
	_, err = mapping.Compile(m, nil)
	assert.ErrorContains(t, err, "2001 rules and constants; 2000 are the most")
	assert.Len(t, faults(t, err), 1)
	_, err = mapping.Compile(mapping.Mapping{Rules: rules("email", strings.Repeat("n", 1024))}, nil)
	require.NoError(t, err)
	_, err = mapping.Compile(mapping.Mapping{Rules: rules("email", strings.Repeat("n", 1025))}, nil)
	assert.ErrorContains(t, err, "1025 bytes")
	assert.Less(t, len(err.Error()), 300)
}

func TestFieldAndNameMayBeSwapped(t *testing.T) {
	_, err := mapping.Compile(mapping.Mapping{Rules: rules("contact.email", "email")}, nil)
	assert.ErrorContains(t, err, "are field and name swapped?")
}

func TestNearestKeyIsSuggested(t *testing.T) {
	for typed, want := range map[string]string{
		"first_name": "firstName", "FirstName": "firstName", "fristName": "firstName", "emial": "email",
		"e-mail": "email", "zip": "", "postcode": "postalCode", "jobtitle": "jobTitle", "leadID": "leadId",
		"completelyOther": "", "requestedMeeting": "requestedMeetingTime",
	} {
		_, err := mapping.Compile(mapping.Mapping{Rules: rules(typed, "x")}, nil)
		if want == "" {
			assert.NotContains(t, err.Error(), "did you mean", typed)
		} else {
			assert.ErrorContains(t, err, `did you mean "`+want+`"?`, typed)
		}
	}
}

func TestMessageTypeIsAFieldLikeAnyOther(t *testing.T) {
	names := func(m mapping.Mapping) (names []string) {
		p, err := mapping.Compile(m, nil)
		require.NoError(t, err)
		assert.True(t, p.Maps("messageType"))
		for _, o := range p.Outputs() {
			names = append(names, o.Name)
		}
		return names
	}
	t.Run("without a rule it comes first under its own name", func(t *testing.T) {
		assert.Equal(t, []string{"messageType", "email", "c"},
			names(mapping.Mapping{Rules: rules("email", "email"), Constants: []mapping.Constant{{Name: "c", Value: 1}}}))
	})
	t.Run("a rule renames and nests it, where it stands", func(t *testing.T) {
		assert.Equal(t, []string{"email", "meta.type"},
			names(mapping.Mapping{Rules: rules("email", "email", "messageType", "meta.type")}))
	})
	t.Run("constants alone have it too", func(t *testing.T) {
		assert.Equal(t, []string{"messageType", "c"},
			names(mapping.Mapping{Constants: []mapping.Constant{{Name: "c", Value: 1}}}))
	})
	t.Run("its name cannot be taken silently", func(t *testing.T) {
		_, err := mapping.Compile(mapping.Mapping{Rules: rules("email", "messageType")}, nil)
		assert.ErrorContains(t, err, `add a rule that gives field "messageType" another name`)
		_, err = mapping.Compile(mapping.Mapping{Rules: rules("email", "messageType", "messageType", "type")}, nil)
		assert.NoError(t, err)
	})
}

func TestAFieldMayGoOutUnderSeveralNames(t *testing.T) {
	p, err := mapping.Compile(mapping.Mapping{Rules: rules("email", "email", "email", "login")}, nil)
	require.NoError(t, err)
	assert.Len(t, p.Outputs(), 3)
	assert.True(t, p.Maps("email"))
	assert.False(t, p.Maps("phone"))
	p.Outputs()[1].Name = "changed"
	assert.Equal(t, "email", p.Outputs()[1].Name, "Outputs is a copy")
}

func FuzzCompile(f *testing.F) {
	f.Add("email", "a.b", "c", "v")
	f.Add("messageType", "", "messageType", "")
	f.Add("\xff", "\x00", strings1000, "\xff")
	f.Fuzz(func(t *testing.T, field, name, constant, value string) {
		m := mapping.Mapping{Rules: rules(field, name), Constants: []mapping.Constant{{Name: constant, Value: value}}}
		p, err := mapping.Compile(m, nil)
		if (p == nil) == (err == nil) {
			t.Fatal("a plan or an error, never both or none")
		}
		if err != nil {
			require.Less(t, len(err.Error()), 4000, "hostile names do not fill logs")
		}
	})
}

var strings1000 = string(make([]byte, 1000))

// A validator goes on with what has no fault, under the indices of the mapping.
func TestASoundPlanLeavesOutWhatIsFaulty(t *testing.T) {
	p, err := mapping.CompileSound(mapping.Mapping{Rules: []mapping.Rule{
		{Field: "emial", Name: "a"}, {Field: "email", Name: "b"}, {Field: "phone", Name: "b"}, {Field: "city", Name: "c"},
	}}, nil)
	require.Error(t, err)
	var names []string
	var indices []int
	for _, o := range p.Outputs() {
		names, indices = append(names, o.Name), append(indices, o.Index)
	}
	assert.Equal(t, []string{"messageType", "b", "c"}, names)
	assert.Equal(t, []int{-1, 1, 3}, indices)
}

package sqlhistory_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/deliver/sqlhistory"
)

// A field that entries gain later is kept too, without a word here.
func TestEveryFieldIsKept(t *testing.T) {
	var e history.Entry
	something(t, reflect.ValueOf(&e).Elem())
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		s, db := newStore(t, dialect)
		require.NoError(t, s.Record(t.Context(), e))
		got, err := s.Get(t.Context(), e.ID)
		require.NoError(t, err)
		assert.Equal(t, e, got)

		var document string
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT document FROM leadhook_history").Scan(&document))
		for _, column := range []string{`"id"`, `"leadId"`, `"createdAt"`, `"test"`} {
			assert.NotContains(t, document, column, "it is a column")
		}
	})
}

// something sets every field.
func something(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("something")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint8:
		v.SetUint(255)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		something(t, v.Index(0))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(epoch))
			return
		}
		for i := range v.NumField() {
			something(t, v.Field(i))
		}
	default:
		t.Fatalf("there is a field of type %v now; give it a value", v.Type())
	}
}

package mapping

import "testing"

// Distances that are known from elsewhere, and the symmetry that each has.
func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"a", "b", 1}, {"ab", "ba", 1}, {"abcd", "acbd", 1},
		{"abcdef", "badcfe", 3}, {"kitten", "sitting", 3}, {"saturday", "sunday", 3}, {"ca", "abc", 3}, {"email", "emial", 1},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := distance(tt.b, tt.a); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}

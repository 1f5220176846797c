// Package enum gives small enumerations their names, in text and in JSON.
package enum

import (
	"fmt"
	"slices"
	"strings"
)

// Names are those of the values 0, 1, ... of an enumeration of a kind.
type Names struct {
	Kind string
	List []string
}

// Of is the name of a value; one beyond the list reads like "stat(9)".
func (n *Names) Of(value uint8) string {
	if int(value) < len(n.List) {
		return n.List[value]
	}
	return fmt.Sprintf("%s(%d)", n.Kind, value)
}

// Marshal is the name of a value as text; one beyond the list is an error.
func (n *Names) Marshal(value uint8) ([]byte, error) {
	if int(value) >= len(n.List) {
		return nil, fmt.Errorf("unknown %s %d", n.Kind, value)
	}
	return []byte(n.List[value]), nil
}

// Unmarshal finds the value of a name.
func Unmarshal[T ~uint8](n *Names, text []byte, value *T) error {
	i := slices.Index(n.List, string(text))
	if i < 0 {
		return fmt.Errorf("unknown %s %q, known are %s", n.Kind, text, strings.Join(n.List, ", "))
	}
	*value = T(i)
	return nil
}

package plain

import (
	"reflect"
	"sync"
	"unicode"
)

// Kinds are the types that a value of one interface type can have, by the name
// that JSON knows them by. A type stands once.
type Kinds map[string]reflect.Type

// Options are the kinds of each interface type that the data may hold.
type Options map[reflect.Type]Kinds

// name is the JSON name of a Go name: the first word in lower case, where a run
// of capitals is a word ("RPS" is "rps", "CPUTime" is "cpuTime").
func name(goName string) string {
	r := []rune(goName)
	for i := range r {
		if !unicode.IsUpper(r[i]) || i > 0 && i+1 < len(r) && !unicode.IsUpper(r[i+1]) {
			break
		}
		r[i] = unicode.ToLower(r[i])
	}
	return string(r)
}

// A field is one field of a struct, those of embedded structs included. One that
// is not exported has no JSON, and must be zero.
type field struct {
	name  string // "" unless exported
	index []int
}

var fieldsOf sync.Map // of reflect.Type to []field

// fields are those of a struct type, in the order of the source.
func fields(t reflect.Type) []field {
	if known, ok := fieldsOf.Load(t); ok {
		return known.([]field)
	}
	var list []field
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			for _, inner := range fields(f.Type) {
				list = append(list, field{inner.name, append([]int{i}, inner.index...)})
			}
		case f.IsExported():
			list = append(list, field{name(f.Name), []int{i}})
		default:
			list = append(list, field{"", []int{i}})
		}
	}
	fieldsOf.Store(t, list)
	return list
}

package plain

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
	zoneType     = reflect.TypeFor[*time.Location]()
	rawType      = reflect.TypeFor[json.RawMessage]()
)

// Append appends v as JSON to dst. The error names the path of what cannot be
// written: a function, or a type that is among no kinds.
func Append(dst []byte, v any, o Options) ([]byte, error) {
	return o.append(dst, "", reflect.ValueOf(v))
}

func (o Options) append(dst []byte, path string, v reflect.Value) ([]byte, error) {
	switch t := v.Type(); t {
	case durationType:
		return strconv.AppendQuote(dst, time.Duration(v.Int()).String()), nil
	case timeType:
		return v.Interface().(time.Time).UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano+`"`), nil
	case zoneType:
		return appendString(dst, v.Interface().(*time.Location).String()), nil
	case rawType:
		return append(dst, v.Bytes()...), nil
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			return dst, fault(path, "%w", err)
		}
		return appendString(dst, string(text)), nil
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	case reflect.Float32, reflect.Float64:
		return appendFloat(dst, v.Float()), nil
	case reflect.String:
		return appendString(dst, v.String()), nil
	case reflect.Pointer:
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		return o.append(dst, path, v.Elem())
	case reflect.Interface:
		return o.appendKind(dst, path, v)
	case reflect.Slice, reflect.Array:
		return o.appendList(dst, path, v)
	case reflect.Map:
		return o.appendMap(dst, path, v)
	case reflect.Struct:
		return o.appendStruct(dst, path, v)
	}
	return dst, fault(path, "a %v cannot be written", v.Type())
}

// appendKind writes a value of an interface type.
func (o Options) appendKind(dst []byte, path string, v reflect.Value) ([]byte, error) {
	if v.IsNil() {
		return append(dst, "null"...), nil
	}
	dynamic := v.Elem()
	for _, kind := range slices.Sorted(maps.Keys(o[v.Type()])) {
		if o[v.Type()][kind] != dynamic.Type() {
			continue
		}
		dst = appendString(append(dst, `{"kind":`...), kind)
		if empty(dynamic) {
			return append(dst, '}'), nil
		}
		dst, err := o.append(append(dst, `,"spec":`...), path, dynamic)
		return append(dst, '}'), err
	}
	return dst, fault(path, "a %v is of no known kind", dynamic.Type())
}

func (o Options) appendList(dst []byte, path string, v reflect.Value) ([]byte, error) {
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = o.append(dst, path+"["+strconv.Itoa(i)+"]", v.Index(i)); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (o Options) appendMap(dst []byte, path string, v reflect.Value) ([]byte, error) {
	if v.Type().Key().Kind() != reflect.String {
		return dst, fault(path, "a %v cannot be written", v.Type())
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, k.String()), ':')
		var err error
		if dst, err = o.append(dst, join(path, k.String()), v.MapIndex(k)); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (o Options) appendStruct(dst []byte, path string, v reflect.Value) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	for _, f := range fields(v.Type()) {
		x := v.FieldByIndex(f.index)
		if empty(x) {
			continue
		}
		if f.name == "" {
			return dst, fault(path, "the unexported field %s of a %v cannot be written", v.Type().FieldByIndex(f.index).Name, v.Type())
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendString(dst, f.name), ':')
		var err error
		if dst, err = o.append(dst, join(path, f.name), x); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// empty reports whether a value is left out: the zero value, and a list of
// nothing, which must not differ from none.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}

func appendFloat(dst []byte, x float64) []byte {
	switch {
	case math.IsNaN(x):
		return append(dst, `"NaN"`...)
	case math.IsInf(x, 0):
		return fmt.Appendf(dst, `"%+v"`, x)
	}
	return strconv.AppendFloat(dst, x, 'g', -1, 64)
}

// appendString writes a string as encoding/json does, which replaces what is no
// UTF-8 and escapes what could end a script.
func appendString(dst []byte, s string) []byte {
	raw, err := json.Marshal(strings.ToValidUTF8(s, "\ufffd")) // written the same when read back
	if err != nil {
		panic("plain: a string that is no JSON: " + err.Error()) // there is none
	}
	return append(dst, raw...)
}

// fault is an error about the value at a path; "" is the whole.
func fault(path, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if path != "" {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return err
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

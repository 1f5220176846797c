package plain

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellows-go/bellows/internal/check"
)

// Decode reads one JSON value into *v and nothing behind it. What JSON leaves
// out becomes zero. The error names every fault with its path; *v is not
// changed then.
func Decode(data []byte, v any, o Options) error {
	target := reflect.ValueOf(v).Elem()
	fresh := reflect.New(target.Type()).Elem()
	d := decoder{options: o}
	if err := whole(data); err != nil {
		return err
	}
	d.value("", data, fresh)
	if err := d.Err(); err != nil {
		return err
	}
	target.Set(fresh)
	return nil
}

// whole reports whether data is one JSON value.
func whole(data []byte) error {
	if json.Valid(data) {
		return nil
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&v); err != nil {
		return err
	}
	return errors.New("something follows the value")
}

type decoder struct {
	check.Faults
	options Options
}

func (d *decoder) fault(path, format string, args ...any) {
	if path == "" {
		path = "."
	}
	d.Require(false, path, format, args...)
}

// value reads raw, valid JSON, into v.
func (d *decoder) value(path string, raw json.RawMessage, v reflect.Value) {
	raw = bytes.TrimSpace(raw)
	null := string(raw) == "null"
	switch t := v.Type(); {
	case t == rawType:
		v.SetBytes(bytes.Clone(raw))
		return
	case t == zoneType && !null:
		if s, ok := d.text(path, raw); ok {
			zone, err := time.LoadLocation(s)
			if err != nil {
				d.fault(path, "unknown time zone %q", s)
				return
			}
			v.Set(reflect.ValueOf(zone))
		}
		return
	case null:
		if k := v.Kind(); k != reflect.Pointer && k != reflect.Interface && k != reflect.Slice && k != reflect.Map {
			d.fault(path, "must not be null")
		}
		return
	case t == durationType:
		if s, ok := d.text(path, raw); ok {
			x, err := time.ParseDuration(s)
			if err != nil {
				d.fault(path, "%q is no duration, as 1m30s is", s)
			}
			v.SetInt(int64(x))
		}
		return
	case t == timeType:
		if s, ok := d.text(path, raw); ok {
			x, err := time.Parse(time.RFC3339Nano, s)
			if err != nil {
				d.fault(path, "%q is no time of RFC 3339", s)
			}
			v.Set(reflect.ValueOf(x))
		}
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if s, ok := d.text(path, raw); ok {
			if err := u.UnmarshalText([]byte(s)); err != nil {
				d.fault(path, "%v", err)
			}
		}
		return
	}
	d.byKind(path, raw, v)
}

func (d *decoder) byKind(path string, raw json.RawMessage, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		var x bool
		if json.Unmarshal(raw, &x) != nil {
			d.fault(path, "must be true or false, is %s", short(raw))
		}
		v.SetBool(x)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		x, err := strconv.ParseInt(string(raw), 10, v.Type().Bits())
		if err != nil {
			d.fault(path, "must be a whole number of %d bits, is %s", v.Type().Bits(), short(raw))
			return
		}
		v.SetInt(x)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		x, err := strconv.ParseUint(string(raw), 10, v.Type().Bits())
		if err != nil {
			d.fault(path, "must be a whole number >= 0 of %d bits, is %s", v.Type().Bits(), short(raw))
			return
		}
		v.SetUint(x)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(d.number(path, raw))
	case reflect.String:
		s, _ := d.text(path, raw)
		v.SetString(s)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(path, raw, v.Elem())
	case reflect.Interface:
		d.ofKind(path, raw, v)
	case reflect.Slice:
		d.list(path, raw, v)
	case reflect.Map:
		d.dict(path, raw, v)
	case reflect.Struct:
		d.object(path, raw, v)
	default:
		d.fault(path, "a %v cannot be read", v.Type())
	}
}

func (d *decoder) text(path string, raw json.RawMessage) (s string, ok bool) {
	if json.Unmarshal(raw, &s) != nil {
		d.fault(path, "must be a string, is %s", short(raw))
		return "", false
	}
	return s, true
}

func (d *decoder) number(path string, raw json.RawMessage) float64 {
	switch string(raw) {
	case `"NaN"`:
		return math.NaN()
	case `"+Inf"`:
		return math.Inf(1)
	case `"-Inf"`:
		return math.Inf(-1)
	}
	var x float64
	if err := json.Unmarshal(raw, &x); err != nil {
		d.fault(path, "must be a number, is %s", short(raw))
	}
	return x
}

func (d *decoder) list(path string, raw json.RawMessage, v reflect.Value) {
	var all []json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		d.fault(path, "must be a list, is %s", short(raw))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(all), len(all)))
	for i, x := range all {
		d.value(path+"["+strconv.Itoa(i)+"]", x, v.Index(i))
	}
}

// members reads an object's names and values in order; a name that comes twice
// is a fault.
func (d *decoder) members(path string, raw json.RawMessage) (names []string, values map[string]json.RawMessage) {
	values = map[string]json.RawMessage{}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		d.fault(path, "must be an object, is %s", short(raw))
		return nil, values
	}
	for dec.More() {
		token, _ := dec.Token()
		key, _ := token.(string)
		var x json.RawMessage
		if err := dec.Decode(&x); err != nil && !errors.Is(err, io.EOF) {
			d.fault(join(path, key), "%v", err)
			return names, values
		}
		if _, twice := values[key]; twice {
			d.fault(join(path, key), "stands twice")
			continue
		}
		names = append(names, key)
		values[key] = x
	}
	return names, values
}

func (d *decoder) dict(path string, raw json.RawMessage, v reflect.Value) {
	if v.Type().Key().Kind() != reflect.String {
		d.fault(path, "a %v cannot be read", v.Type())
		return
	}
	names, values := d.members(path, raw)
	v.Set(reflect.MakeMapWithSize(v.Type(), len(names)))
	for _, key := range names {
		x := reflect.New(v.Type().Elem()).Elem()
		d.value(join(path, key), values[key], x)
		v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), x)
	}
}

func (d *decoder) object(path string, raw json.RawMessage, v reflect.Value) {
	names, values := d.members(path, raw)
	known := fields(v.Type())
	for _, key := range names {
		i := slices.IndexFunc(known, func(f field) bool { return f.name == key && key != "" })
		if i < 0 {
			d.fault(join(path, key), "unknown name")
			continue
		}
		d.value(join(path, key), values[key], v.FieldByIndex(known[i].index))
	}
}

// ofKind reads a value of an interface type.
func (d *decoder) ofKind(path string, raw json.RawMessage, v reflect.Value) {
	names, values := d.members(path, raw)
	kinds := d.options[v.Type()]
	for _, key := range names {
		if key != "kind" && key != "spec" {
			d.fault(join(path, key), "unknown name, is neither kind nor spec")
		}
	}
	if values["kind"] == nil {
		d.fault(join(path, "kind"), "must be set")
		return
	}
	kind, ok := d.text(join(path, "kind"), values["kind"])
	if !ok {
		return
	}
	t, ok := kinds[kind]
	if !ok {
		d.fault(join(path, "kind"), "unknown: %q, known are %s", kind, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
		return
	}
	x := reflect.New(t).Elem()
	if t.Kind() == reflect.Pointer {
		x.Set(reflect.New(t.Elem()))
	}
	if spec := values["spec"]; spec != nil {
		d.value(join(path, "spec"), spec, x)
	}
	v.Set(x)
}

// short is raw, cut for a message.
func short(raw json.RawMessage) string {
	if len(raw) > 40 {
		return string(raw[:40]) + "…"
	}
	return string(raw)
}

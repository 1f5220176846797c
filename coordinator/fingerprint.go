package coordinator

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"
)

// fingerprint is a hash of plain data: equal data have equal ones, in every
// process. It goes by exported fields, and passes over those that are zero or
// empty, so that a field which is new to the type changes nothing. Of a function
// it tells only whether there is one.
func fingerprint(v any) uint64 {
	p := printer{hash: fnvOffset, left: fingerprintMost}
	p.value(reflect.ValueOf(v), 0)
	return p.hash
}

// What ends data that refer to themselves: how deep they are looked into, and
// how many values of them.
const (
	fingerprintDepth = 64
	fingerprintMost  = 1 << 20
)

// FNV-1a of 64 bits, as in hash/fnv, without its allocations.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

type printer struct {
	hash uint64
	left int
}

func (p *printer) number(n uint64) {
	for range 8 {
		p.hash = (p.hash ^ n&0xff) * fnvPrime
		n >>= 8
	}
}

func (p *printer) text(s string) {
	p.number(uint64(len(s)))
	for i := range len(s) {
		p.hash = (p.hash ^ uint64(s[i])) * fnvPrime
	}
}

func (p *printer) value(v reflect.Value, depth int) {
	if p.left--; p.left < 0 || depth > fingerprintDepth || !v.IsValid() {
		return
	}
	p.number(uint64(v.Kind()))
	switch v.Kind() {
	case reflect.Bool, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		if !v.IsZero() {
			p.number(1)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.number(uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		p.number(v.Uint())
	case reflect.Float32, reflect.Float64:
		p.number(math.Float64bits(v.Float()))
	case reflect.Complex64, reflect.Complex128:
		p.number(math.Float64bits(real(v.Complex())))
		p.number(math.Float64bits(imag(v.Complex())))
	case reflect.String:
		p.text(v.String())
	case reflect.Interface:
		if !v.IsNil() {
			p.text(v.Elem().Type().String())
			p.value(v.Elem(), depth+1)
		}
	case reflect.Pointer:
		if zone, ok := v.Interface().(*time.Location); ok && zone != nil {
			p.text(zone.String())
		} else if !v.IsNil() {
			p.value(v.Elem(), depth+1)
		}
	case reflect.Slice, reflect.Array:
		p.number(uint64(v.Len()))
		for i := range v.Len() {
			p.value(v.Index(i), depth+1)
		}
	case reflect.Map:
		p.pairs(v, depth)
	case reflect.Struct:
		p.fields(v, depth)
	}
}

// pairs goes through a map in the order of its keys.
func (p *printer) pairs(v reflect.Value, depth int) {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	p.number(uint64(len(keys)))
	for _, key := range keys {
		p.value(key, depth+1)
		p.value(v.MapIndex(key), depth+1)
	}
}

func (p *printer) fields(v reflect.Value, depth int) {
	if at, ok := v.Interface().(time.Time); ok {
		p.text(at.UTC().Format(time.RFC3339Nano))
		return
	}
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() && !blank(v.Field(i)) {
			p.text(f.Name)
			p.value(v.Field(i), depth+1)
		}
	}
}

// blank reports whether a value is zero, or a list of nothing.
func blank(v reflect.Value) bool {
	if k := v.Kind(); k == reflect.Slice || k == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}

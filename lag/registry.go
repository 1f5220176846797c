package lag

import (
	"iter"
	"sync"
)

// A Registry holds the meters of many targets by name. Finding one that exists
// takes no lock.
//
// The zero value is ready for use. A Registry is safe for concurrent use and
// must not be copied after first use.
type Registry struct {
	meters sync.Map // of string to *Meter
}

// Meter returns the meter of a target, a new one if there is none.
func (r *Registry) Meter(target string) *Meter {
	if m, ok := r.meters.Load(target); ok {
		return m.(*Meter)
	}
	m, _ := r.meters.LoadOrStore(target, &Meter{})
	return m.(*Meter)
}

// Lookup returns the meter of a target; ok is false if there is none.
func (r *Registry) Lookup(target string) (m *Meter, ok bool) {
	v, ok := r.meters.Load(target)
	if !ok {
		return nil, false
	}
	return v.(*Meter), true
}

// Remove forgets a target. Requests in flight end in the meter they began in,
// which is garbage once they have.
func (r *Registry) Remove(target string) { r.meters.Delete(target) }

// All yields every target and its meter, in no order. Targets that come or go
// meanwhile may or may not be among them.
func (r *Registry) All() iter.Seq2[string, *Meter] {
	return func(yield func(string, *Meter) bool) {
		r.meters.Range(func(k, v any) bool { return yield(k.(string), v.(*Meter)) })
	}
}

// Package check collects every fault of a configuration, each under the path
// of its field, so that a user sees all of them at once.
package check

import (
	"errors"
	"fmt"
)

// A Fault is one bad field.
type Fault struct {
	Field string // path from the value that was checked, as in "Pace.Up.Period"
	Issue string // what is wrong with it, values included
}

func (f *Fault) Error() string { return f.Field + ": " + f.Issue }

// Faults collects. The zero value is empty and ready; it serves one goroutine.
type Faults struct {
	list []error
}

// Require notes a fault of the field unless ok.
func (f *Faults) Require(ok bool, field, format string, args ...any) {
	if !ok {
		f.list = append(f.list, &Fault{Field: field, Issue: fmt.Sprintf(format, args...)})
	}
}

// Under notes every fault of err below the path prefix; nil adds nothing.
func (f *Faults) Under(prefix string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			f.Under(prefix, e)
		}
		return
	}
	var fault *Fault
	if errors.As(err, &fault) {
		f.list = append(f.list, &Fault{Field: prefix + "." + fault.Field, Issue: fault.Issue})
		return
	}
	f.list = append(f.list, &Fault{Field: prefix, Issue: err.Error()})
}

// Add notes every fault of err under its own path; nil adds nothing.
func (f *Faults) Add(err error) {
	if err != nil {
		f.list = append(f.list, err)
	}
}

// Err joins what was collected, in order; nil when there is none.
func (f *Faults) Err() error { return errors.Join(f.list...) }

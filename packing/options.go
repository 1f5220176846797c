package packing

import "fmt"

// Options say how hard to search, and for what. The zero value suits a tick.
type Options struct {
	Effort Effort
	Prefer Preference
	// Seed starts the search's random choices, together with the problem itself:
	// equal problems and options give equal results.
	Seed uint64
	// Stop, if not nil, is asked now and then; when it says true the search ends
	// with the best that it has, and the result says so.
	Stop func() bool
}

// An Effort bounds a search in steps, never in time, so that results are the
// same on every machine. A step is about a microsecond's work; the times are
// those of one present core.
type Effort uint8

// The efforts.
const (
	Tick       Effort = iota // milliseconds; grows with the size of the problem
	Fast                     // first fit decreasing and nothing else
	Second                   // about a second
	HalfMinute               // about thirty
)

var efforts = [...]string{Tick: "tick", Fast: "fast", Second: "1s", HalfMinute: "30s"}

func (e Effort) String() string {
	if int(e) < len(efforts) {
		return efforts[e]
	}
	return "Effort(" + itoa(int(e)) + ")"
}

// MarshalText writes "fast", "tick", "1s" or "30s".
func (e Effort) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (e *Effort) UnmarshalText(text []byte) error {
	for i, name := range efforts {
		if string(text) == name {
			*e = Effort(i)
			return nil
		}
	}
	return fmt.Errorf("packing: no effort %q: want fast, tick, 1s or 30s", text)
}

// A Preference says which of several bins with room an item takes.
type Preference uint8

// The preferences.
const (
	Dense Preference = iota // fill bins, so that others stay empty
	Even                    // level the load of the bins that there are
)

func (p Preference) String() string {
	switch p {
	case Dense:
		return "dense"
	case Even:
		return "even"
	}
	return "Preference(" + itoa(int(p)) + ")"
}

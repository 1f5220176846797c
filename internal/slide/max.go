// Package slide keeps sliding statistics that package lag and package policy
// both need.
package slide

import "fmt"

// A Max is a sliding maximum over slots of time: of each value recorded it
// remembers the slot, and of those within the last Slots the largest. It holds
// at most Slots entries. The zero value with Slots set is ready; it serves one
// goroutine. Its fields are its whole state.
type Max struct {
	Slots   int64   // > 0
	Entries []Entry // ascending by Slot, descending by Value
}

// An Entry is the largest value of a slot that no later one reached.
type Entry struct {
	Slot  int64
	Value float64
}

// Valid reports what is wrong with a state that was not made by Record, of
// values in [0, most].
func (m *Max) Valid(most float64) error {
	if m.Slots <= 0 || int64(len(m.Entries)) > m.Slots {
		return fmt.Errorf("a window of %d slots with %d entries", m.Slots, len(m.Entries))
	}
	for i, e := range m.Entries {
		if !(e.Value >= 0 && e.Value <= most) || i > 0 && (e.Slot <= m.Entries[i-1].Slot || e.Value >= m.Entries[i-1].Value) {
			return fmt.Errorf("entry %d of a window makes no sense", i)
		}
	}
	return nil
}

// Record notes a value in a slot; slots never go back. Entries Slots or more
// behind are dropped.
func (m *Max) Record(slot int64, v float64) {
	old := 0
	for old < len(m.Entries) && m.Entries[old].Slot <= slot-m.Slots {
		old++
	}
	keep := len(m.Entries)
	for keep > old && m.Entries[keep-1].Value <= v {
		keep--
	}
	if keep > old && m.Entries[keep-1].Slot == slot {
		m.Entries = append(m.Entries[:0], m.Entries[old:keep]...)
		return // a larger one of the same slot stands
	}
	m.Entries = append(append(m.Entries[:0], m.Entries[old:keep]...), Entry{slot, v})
}

// Current is the largest value remembered, 0 if there has never been one. It
// takes no time: nothing expires before the next Record.
func (m *Max) Current() float64 {
	if len(m.Entries) == 0 {
		return 0
	}
	return m.Entries[0].Value
}

// Since is the largest value remembered of slot and later ones, 0 if there is none.
func (m *Max) Since(slot int64) float64 {
	for _, e := range m.Entries {
		if e.Slot >= slot {
			return e.Value
		}
	}
	return 0
}

package lag

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bellows-go/bellows/internal/plain"
)

// savedVersion is the version of what the AppendState methods write.
const savedVersion = 1

// savedCounter is a Counter's state.
type savedCounter struct {
	V    int
	Last float64
	At   time.Time
	Seen bool
}

// AppendState appends the counter's memory to dst, as versioned JSON.
func (c *Counter) AppendState(dst []byte) []byte {
	return appendSaved(dst, &savedCounter{savedVersion, c.last, c.at, c.seen})
}

// Restore replaces the counter's memory by a saved one. On an error nothing
// changes.
func (c *Counter) Restore(state []byte) error {
	var s savedCounter
	if err := readSaved("counter", state, &s, &s.V); err != nil {
		return err
	}
	if !count(s.Last) {
		return fmt.Errorf("lag: restore: counter: count %v", s.Last)
	}
	*c = Counter{s.Last, s.At, s.Seen}
	return nil
}

// savedWindow is a Window's state: of each bucket that is not void, oldest
// first, an entry in each list.
type savedWindow struct {
	V              int
	Grain          time.Duration
	Index          []int64 // ascending
	Count          []int64
	Sum, Max, Last []float64
	At             []int64   // Unix nanoseconds
	Rated          []float64 // of Sum, what covers Over
	Over           []time.Duration
}

// AppendState appends the window's samples to dst, as versioned JSON.
func (w *Window) AppendState(dst []byte) []byte {
	s := savedWindow{V: savedVersion, Grain: time.Duration(w.grain)}
	if w.any {
		for i := w.newest - int64(len(w.buckets)) + 1; i <= w.newest; i++ {
			b := &w.buckets[w.slot(i)]
			if b.count == 0 || b.index != i {
				continue
			}
			s.Index, s.Count = append(s.Index, i), append(s.Count, b.count)
			s.Sum, s.Max, s.Last = append(s.Sum, b.sum), append(s.Max, b.max), append(s.Last, b.last)
			s.At, s.Rated, s.Over = append(s.At, b.at), append(s.Rated, b.rated), append(s.Over, b.over)
		}
	}
	return appendSaved(dst, &s)
}

// Restore replaces the window's samples by saved ones, of a window of the same
// grain; those older than its own span are left out. On an error nothing
// changes.
func (w *Window) Restore(state []byte) error {
	var s savedWindow
	if err := readSaved("window", state, &s, &s.V); err != nil {
		return err
	}
	n := len(s.Index)
	if int64(s.Grain) != w.grain {
		return fmt.Errorf("lag: restore: window: of grain %v, this one has %v", s.Grain, time.Duration(w.grain))
	}
	for _, m := range []int{len(s.Count), len(s.Sum), len(s.Max), len(s.Last), len(s.At), len(s.Rated), len(s.Over)} {
		if m != n {
			return errors.New("lag: restore: window: lists of different lengths")
		}
	}
	for i := range n {
		// Sums may be infinite, but never of both signs.
		sane := !math.IsNaN(s.Sum[i]) && !math.IsNaN(s.Rated[i]) && finite(s.Max[i]) && finite(s.Last[i]) && (s.Over[i] > 0 || s.Rated[i] == 0)
		if !sane || s.Count[i] <= 0 || s.Over[i] < 0 || i > 0 && s.Index[i] <= s.Index[i-1] || floorDiv(s.At[i], w.grain) != s.Index[i] {
			return fmt.Errorf("lag: restore: window: bucket %d makes no sense", i)
		}
	}
	fresh := blank(w.grain, len(w.buckets))
	for i := range n {
		fresh.reach(s.Index[i])
		fresh.buckets[fresh.slot(s.Index[i])] = bucket{s.Index[i], s.Count[i], s.Sum[i], s.Max[i], s.Last[i], s.At[i], s.Rated[i], s.Over[i]}
	}
	*w = *fresh
	return nil
}

// savedQuantiles is a QuantileWindow's state.
type savedQuantiles struct {
	V     int
	Grain time.Duration
	Slots []savedSlot // ascending by Index
}

type savedSlot struct {
	Index   int64
	Buckets []int // of the histogram, ascending
	Counts  []uint64
}

// AppendState appends the window's samples to dst, as versioned JSON.
func (w *QuantileWindow) AppendState(dst []byte) []byte {
	s := savedQuantiles{V: savedVersion, Grain: time.Duration(w.slots.grain)}
	if w.slots.any {
		for i := w.slots.newest - int64(len(w.slots.slots)) + 1; i <= w.slots.newest; i++ {
			h := w.slots.get(i)
			if h == nil {
				continue
			}
			slot := savedSlot{Index: i}
			for bucket, n := range h.All() {
				slot.Buckets, slot.Counts = append(slot.Buckets, bucket), append(slot.Counts, n)
			}
			s.Slots = append(s.Slots, slot)
		}
	}
	return appendSaved(dst, &s)
}

// Restore replaces the window's samples by saved ones, of a window of the same
// grain; those older than its own span are left out. On an error nothing
// changes.
func (w *QuantileWindow) Restore(state []byte) error {
	var s savedQuantiles
	if err := readSaved("quantile window", state, &s, &s.V); err != nil {
		return err
	}
	if int64(s.Grain) != w.slots.grain {
		return fmt.Errorf("lag: restore: quantile window: of grain %v, this one has %v", s.Grain, time.Duration(w.slots.grain))
	}
	fresh, err := NewQuantileWindow(s.Grain*time.Duration(len(w.slots.slots)), s.Grain)
	if err != nil {
		return err
	}
	for i, slot := range s.Slots {
		if i > 0 && slot.Index <= s.Slots[i-1].Index || len(slot.Buckets) != len(slot.Counts) || slot.Index > math.MaxInt64/w.slots.grain || slot.Index < math.MinInt64/w.slots.grain {
			return fmt.Errorf("lag: restore: quantile window: slot %d makes no sense", i)
		}
		h, stale := fresh.slots.at(time.Unix(0, slot.Index*w.slots.grain))
		if h == nil {
			continue
		}
		if stale {
			h.Reset()
		}
		for j, b := range slot.Buckets {
			if !h.AddBucket(b, slot.Counts[j]) {
				return fmt.Errorf("lag: restore: quantile window: slot %d: bucket %d makes no sense", i, b)
			}
		}
	}
	*w = *fresh
	return nil
}

func appendSaved(dst []byte, s any) []byte {
	dst, err := plain.Append(dst, s, nil)
	if err != nil {
		panic("lag: a memory that is no JSON: " + err.Error()) // ours alone, all plain data
	}
	return dst
}

// readSaved reads a state whose version is at v.
func readSaved(what string, state []byte, s any, v *int) error {
	if err := plain.Decode(state, s, nil); err != nil {
		return fmt.Errorf("lag: restore: %s: %w", what, err)
	}
	if *v != savedVersion {
		return fmt.Errorf("lag: restore: %s: version %d, can read %d", what, *v, savedVersion)
	}
	return nil
}

package policy

import (
	"encoding/json"
	"errors"
	"math"

	"github.com/bellows-go/bellows/internal/histogram"
)

// A sliding knows the quantiles of the last values given to it, all >= 0, within
// histogram.RelativeError. A value takes constant time, a quantile that of some
// hundred additions. newSliding makes one; its memory is two bytes a value and 5 kB.
type sliding struct {
	ring   []uint16 // buckets of the values
	n      int      // of them that are filled
	next   int      // where the next value goes
	counts [histogram.Buckets]uint16
	blocks [(histogram.Buckets + slidingBlock - 1) / slidingBlock]uint16 // sums of counts
}

const slidingBlock = 64

// newSliding remembers size values, in (0, 65535].
func newSliding(size int) sliding { return sliding{ring: make([]uint16, size)} }

func (s *sliding) add(v float64) {
	b := uint16(histogram.Bucket(v))
	if s.n == len(s.ring) {
		old := s.ring[s.next]
		s.counts[old]--
		s.blocks[old/slidingBlock]--
	} else {
		s.n++
	}
	s.ring[s.next] = b
	s.counts[b]++
	s.blocks[b/slidingBlock]++
	if s.next++; s.next == len(s.ring) {
		s.next = 0
	}
}

// reset forgets all values.
func (s *sliding) reset() {
	for i := range s.n {
		b := s.ring[i]
		s.counts[b], s.blocks[b/slidingBlock] = 0, 0
	}
	s.n, s.next = 0, 0
}

// quantile is the value of rank max(1, ceil(q*n)), ascending. ok is false when
// there is none, or q is not in [0, 1].
func (s *sliding) quantile(q float64) (v float64, ok bool) {
	if s.n == 0 || !(q >= 0 && q <= 1) {
		return 0, false
	}
	rank := max(1, min(s.n, int(math.Ceil(q*float64(s.n)))))
	block := 0
	for ; int(s.blocks[block]) < rank; block++ {
		rank -= int(s.blocks[block])
	}
	i := block * slidingBlock
	for ; int(s.counts[i]) < rank; i++ {
		rank -= int(s.counts[i])
	}
	return histogram.Value(i), true
}

// savedSliding is the state of a sliding: its values as they came.
type savedSliding struct {
	Size   int
	Values packed `json:",omitempty"`
}

func (s *sliding) MarshalJSON() ([]byte, error) {
	saved := savedSliding{Size: len(s.ring), Values: make(packed, 0, s.n)}
	if s.n == len(s.ring) {
		saved.Values = append(saved.Values, s.ring[s.next:]...)
	}
	saved.Values = append(saved.Values, s.ring[:s.next]...)
	return json.Marshal(saved)
}

func (s *sliding) UnmarshalJSON(raw []byte) error {
	var saved savedSliding
	if err := strictly(raw, &saved); err != nil {
		return err
	}
	if saved.Size < 1 || saved.Size > math.MaxUint16 || len(saved.Values) > saved.Size {
		return errors.New("a window of no size, or with more than it holds")
	}
	*s = newSliding(saved.Size)
	for _, b := range saved.Values {
		if int(b) >= histogram.Buckets {
			return errors.New("a window with a value that cannot be")
		}
		s.add(histogram.Value(int(b)))
	}
	return nil
}

package packing

import "math/bits"

// A digester rounds vectors to words of four numbers of 15 bits, so that a
// subtraction compares four columns. What there is rounds up and what is needed
// down: where the digests say that something does not fit, it does not; where
// they say that it does, the vectors have to be asked.
type digester struct {
	shift []uint8 // per column
	words int     // of a digest
}

// guards are the bits above the numbers of a word. They are set in what there
// is, and a number that is smaller than what is needed of it loses its own.
const guards = 0x8000_8000_8000_8000

// newDigester takes the largest value per column that matters: what is larger
// counts as that.
func newDigester(peak []int64) digester {
	d := digester{shift: make([]uint8, len(peak)), words: (len(peak) + 3) / 4}
	for k, p := range peak {
		d.shift[k] = uint8(max(0, bits.Len64(uint64(max(p, 0)))-15))
	}
	return d
}

// up is a word of the digest of what there is.
func (d *digester) up(v []int64, word int) uint64 {
	digest := uint64(guards)
	for k := 4 * word; k < min(4*word+4, len(v)); k++ {
		part := int64(1)<<d.shift[k] - 1
		digest |= min(uint64(max(v[k], 0)+part)>>d.shift[k], 1<<15-1) << (16 * (k & 3))
	}
	return digest
}

// down is a word of the digest of what is needed.
func (d *digester) down(v []int64, word int) uint64 {
	digest := uint64(0)
	for k := 4 * word; k < min(4*word+4, len(v)); k++ {
		digest |= min(uint64(v[k])>>d.shift[k], 1<<15-1) << (16 * (k & 3))
	}
	return digest
}

// mayFit reports whether a word of what is needed may fit into one of what
// there is.
func mayFit(room, need uint64) bool { return (room-need)&guards == guards }

// larger has the larger of each two numbers of two words of what there is.
func larger(a, b uint64) uint64 {
	is := (a - b&^guards) & guards
	mask := is - is>>15 // all ones where a is at least b
	return a&mask | b&^mask
}

// misses reports whether the most of several words may no longer be most when
// one of them changes from was to is: some number of it was the largest, and
// fell.
func misses(most, was, is uint64) bool {
	return (was-most&^guards)&guards&^(is-was&^guards) != 0
}

// smaller has the smaller of each two numbers of two words of what is needed.
func smaller(a, b uint64) uint64 {
	is := ((a | guards) - b) & guards
	mask := is - is>>15 // all ones where a is at least b
	return b&mask | a&^mask
}

package packing

import (
	"math/bits"
	"testing"

	"pgregory.net/rapid"
)

// What fits also does by the digests, and what is too large by more than they
// round does not.
func TestDigestsAreSafe(t *testing.T) {
	fits, misfits := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 9).Draw(t, "width")
		amounts := rapid.SliceOfN(rapid.Int64Range(0, 1<<rapid.IntRange(1, 61).Draw(t, "bits")), width, width)
		peak, room, need := amounts.Draw(t, "peak"), amounts.Draw(t, "room"), amounts.Draw(t, "need")
		for k := range room {
			if rapid.Bool().Draw(t, "all ones") {
				peak[k] = 1<<bits.Len64(uint64(peak[k])) - 1
				room[k] = peak[k] - room[k]&1
			}
			room[k] = min(room[k], peak[k])
			if rapid.Bool().Draw(t, "near") {
				need[k] = max(0, room[k]+rapid.Int64Range(-1, 1).Draw(t, "by"))
			}
		}
		switch rapid.IntRange(0, 3).Draw(t, "case") {
		case 0:
			room[0] = -room[0]
		case 1:
			for k := range need {
				need[k] = max(0, min(need[k], room[k]))
			}
		case 2:
			need[0], room[0] = peak[0], 0
		}
		d := newDigester(peak)
		may, too := true, false
		for w := range d.words {
			may = may && mayFit(d.up(room, w), d.down(need, w))
		}
		for k, n := range need {
			// Each of the two is off by less than a part, of which there are 2^14 and more.
			too = too || n <= peak[k] && n > max(room[k], 0)+max(peak[k]>>13, 1)
		}
		switch fit := covers(room, need); {
		case fit && !may:
			t.Fatalf("%v fits into %v: digests %+v", need, room, d)
		case too && may:
			t.Fatalf("%v may fit into %v: digests %+v", need, room, d)
		case fit:
			fits++
		case too:
			misfits++
		}
	})
	if fits < 10 || misfits < 10 {
		t.Errorf("%d fit, %d do not", fits, misfits)
	}
}

// Four numbers of a word at once are what they are one by one.
func TestDigestsTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom([]uint64{0, 1, 2, 1<<15 - 2, 1<<15 - 1}), 4, 4)
		was, is, other := words.Draw(t, "was"), words.Draw(t, "is"), words.Draw(t, "other")
		word := func(numbers []uint64) uint64 {
			x := uint64(guards)
			for k, n := range numbers {
				x |= n << (16 * k)
			}
			return x
		}
		most := make([]uint64, 4)
		misses4 := false
		for k := range most {
			most[k] = max(was[k], other[k])
			misses4 = misses4 || was[k] == most[k] && is[k] < was[k]
		}
		if got := larger(word(was), word(other)); got != word(most) {
			t.Fatalf("larger of %d and %d: %#x, want %#x", was, other, got, word(most))
		}
		least := make([]uint64, 4)
		for k := range least {
			least[k] = min(was[k], other[k])
		}
		if got := smaller(word(was)&^guards, word(other)&^guards); got|guards != word(least) || got&guards != 0 {
			t.Fatalf("smaller of %d and %d: %#x", was, other, got)
		}
		if got := misses(word(most), word(was), word(is)); got != misses4 {
			t.Fatalf("misses(%d, %d, %d) = %v", most, was, is, got)
		}
	})
}

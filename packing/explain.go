package packing

import (
	"math/bits"
	"slices"
)

// refusals says of every class that is short of items why, in the order of the
// input.
func (s *state) refusals() []Refusal {
	var refusals []Refusal
	rankOf := inverse(s.classIn)
	for in := range s.p.Classes {
		c := rankOf[in]
		if n := s.short(c); n > 0 {
			r := s.refusal(c)
			r.Items = n
			refusals = append(refusals, r)
		}
	}
	return refusals
}

// nearness orders reasons, the nearest miss last.
var nearness = map[Reason]int{NoBin: 0, Capability: 1, BinClosed: 2, OneOfEach: 3, Skew: 4, Capacity: 5}

// A miss is how far a bin is from taking an item.
type miss struct {
	reason Reason
	bin    int32 // -1 if it is one that may be opened
	kind   int32
	rooms  []Room
	share  share // of the bin, of the room that lacks most
}

// refusal names the bin that comes nearest to taking one more item of c: by the
// reason, then by the largest share of its capacity that lacks, then by number,
// new ones last.
func (s *state) refusal(c int32) Refusal {
	nearest := miss{reason: NoBin, bin: -1}
	consider := func(m miss) {
		was, is := nearness[nearest.reason], nearness[m.reason]
		if is > was || is == was && m.reason == Capacity && m.share.less(nearest.share) {
			nearest = m
		}
	}
	for b := range s.kind {
		if s.kind[b] >= 0 && (b < len(s.binIn) || s.open[b]) {
			consider(s.miss(c, int32(b)))
		}
	}
	for t := range s.spareNew {
		if s.spareNew[t] > 0 {
			consider(s.missNew(c, int32(t)))
		}
	}
	return s.explain(c, nearest)
}

// miss says why b does not take an item of c.
func (s *state) miss(c, b int32) miss {
	m := miss{bin: b, kind: s.kind[b]}
	switch {
	case !s.takesKind(c, m.kind):
		m.reason = Capability
	case !s.open[b]:
		m.reason = BinClosed
	case s.holds(c, b):
		m.reason = OneOfEach
	case !s.fits(c, b):
		m.reason = Capacity
		m.rooms, m.share = s.lacks(c, m.kind, b)
	default:
		m.reason = Skew
	}
	return m
}

// missNew says why a new bin like template t does not.
func (s *state) missNew(c, t int32) miss {
	m := miss{bin: -1, kind: t, reason: Skew}
	if !s.takesKind(c, t) {
		m.reason = Capability
	} else if !covers(s.kinds[t].room, s.needs(c)) {
		m.reason = Capacity
		m.rooms, m.share = s.lacks(c, t, -1)
	}
	return m
}

// lacks is what capacity bin b, or an empty one of a kind where b is -1, would
// need in addition, per dimension, and the largest share of that in the
// capacity.
func (s *state) lacks(c, kind, b int32) (rooms []Room, most share) {
	need, room := s.needs(c), s.kinds[kind].room
	if b >= 0 {
		room = s.room(b)
	}
	for d, name := range s.p.Dimensions {
		by := need[d] - room[d]
		if i := slices.Index(s.over, d); i >= 0 {
			size, pinned := s.parts(c, i, d)
			left := s.emptyLoads(kind, d)
			if b >= 0 {
				left = s.loads[int(b)*len(s.over)+i]
			}
			by = max(size-left.virtual, pinned+max(left.largest, size-pinned)-left.physical)
		}
		if need[d] == 0 || by <= 0 {
			continue
		}
		rooms = append(rooms, Room{name, by})
		if lack := (share{by, max(s.kinds[kind].bin.Capacity[d], 1)}); most.less(lack) {
			most = lack
		}
	}
	return rooms, most
}

// explain makes a refusal of the nearest miss.
func (s *state) explain(c int32, m miss) Refusal {
	r := Refusal{Class: s.class(c).Name, Reason: m.reason, Bin: s.nameOf(m.bin), Relax: s.relax(c)}
	if m.reason == Capacity {
		r.Dim, r.Short = m.rooms[0].Dim, m.rooms[0].By
	}
	return r
}

// nameOf is the name of a bin, "" for new ones and none.
func (s *state) nameOf(b int32) string {
	if b >= 0 && int(b) < len(s.binIn) {
		return s.p.Bins[s.binIn[b]].Name
	}
	return ""
}

// relax is the least relaxation that would place one more item of c: the one
// with the fewest parts; of equal ones the one whose parts are least trouble,
// as listed, then that with the least room.
func (s *state) relax(c int32) Relaxation {
	var best Relaxation
	var bestRank int
	var bestRoom share
	consider := func(r Relaxation, room share) {
		if rank := r.rank(); bestRank == 0 || rank < bestRank || rank == bestRank && room.less(bestRoom) {
			best, bestRank, bestRoom = r, rank, room
		}
	}
	for b := range s.kind {
		if b < len(s.binIn) || s.open[b] {
			consider(s.relaxBin(c, s.kind[b], int32(b)))
		}
	}
	for t := range s.spareNew {
		if s.p.Templates[t].Max > 0 {
			consider(s.relaxBin(c, int32(t), -1))
		}
	}
	return best
}

// relaxBin is what would place an item of c in bin b, or in one more bin of the
// kind where b is -1 or holds one already.
func (s *state) relaxBin(c, kind, b int32) (Relaxation, share) {
	r := Relaxation{Bin: s.nameOf(b)}
	switch {
	case b < 0:
		r.OneMoreBin = s.spareNew[kind] == 0
	case s.holds(c, b):
		r.OneMoreBin = true
		r.OpenBin = !s.open[b]
		b = -1
	default:
		r.OpenBin = !s.open[b]
	}
	r.Capabilities = s.capabilityGap(c, kind)
	if skew := s.skewFor(c, s.kinds[kind].zone, r.Capabilities); skew > 0 {
		r.MaxSkew = skew
	}
	var lack share
	r.Room, lack = s.lacks(c, kind, b)
	return r, lack
}

// rank orders relaxations, > 0: many parts count more than the kind of one.
func (r *Relaxation) rank() int {
	rank := 0
	for i, set := range []bool{len(r.Room) > 0, r.MaxSkew > 0, r.OpenBin, r.OneMoreBin, len(r.Capabilities) > 0} {
		if set {
			rank += 100 + i
		}
	}
	return max(rank, 1)
}

// capabilityGap are the requirements that a kind lacks and the forbidden
// capabilities that it has.
func (s *state) capabilityGap(c, kind int32) []string {
	have := s.kinds[kind].bin.Capabilities
	var gap []string
	for _, r := range s.class(c).Requires {
		if !slices.Contains(have, r) {
			gap = append(gap, r)
		}
	}
	for _, f := range s.class(c).Forbids {
		if slices.Contains(have, f) {
			gap = append(gap, f)
		}
	}
	return gap
}

// skewFor is the MaxSkew that would let one more item of c into a zone if the
// class did without some capabilities, and so took bins in more zones; 0 if its
// own does.
func (s *state) skewFor(c, zone int32, dropped []string) int {
	rule := s.zoned[c]
	if rule < 0 || s.rules[rule].soft {
		return 0
	}
	zones := s.rules[rule].zones
	if len(dropped) > 0 {
		without := func(list []string) []string {
			return slices.DeleteFunc(slices.Clone(list), func(x string) bool { return slices.Contains(dropped, x) })
		}
		class := s.class(c)
		zones = s.zonesFor(&Class{Requires: without(class.Requires), Forbids: without(class.Forbids)})
	}
	count := s.inZone[rule][zone] + 1
	least := count
	for z, counts := range zones {
		if counts && int32(z) != zone {
			least = min(least, s.inZone[rule][z])
		}
	}
	if skew := count - least; skew > s.rules[rule].skew {
		return int(skew)
	}
	return 0
}

// A share is a fraction of a positive number; the zero value counts as nothing.
type share struct{ of, whole int64 }

func (a share) less(b share) bool {
	// a.of/a.whole < b.of/b.whole
	hi1, lo1 := bits.Mul64(uint64(a.of), uint64(max(b.whole, 1)))
	hi2, lo2 := bits.Mul64(uint64(b.of), uint64(max(a.whole, 1)))
	return hi1 < hi2 || hi1 == hi2 && lo1 < lo2
}

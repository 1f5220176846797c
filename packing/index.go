package packing

// fan is the number of children of a node of an index.
const fan = 8

// An index finds bins with room, lowest number first, without looking at those
// that have none: a tree over the bins in which every node has the digest of
// the most, per column, that any open bin below it has left, and the marks of
// all that lie below. It follows the state that it watches.
type index struct {
	s *state
	digester
	need  []uint64     // per class, the digest
	rooms [][][]uint64 // per word and level: the bins, then ever fewer nodes, <= fan at the top
	marks [][]marks    // per level
}

// marks are a set of profiles modulo 31, in the lower half, and of zones modulo
// 31, in the upper; the highest bits of the halves say that there are bins in
// use and empty ones. A bin that takes nothing has none.
type marks uint64

const (
	inUse       marks = 1 << 31
	empty       marks = 1 << 63
	anyLoad           = inUse | empty
	allProfiles marks = inUse - 1
	allZones          = allProfiles << 32
)

func profileMark(profile int32) marks { return 1 << (profile % 31) }
func zoneMark(zone int32) marks       { return 1 << (zone%31 + 32) }

// admit reports whether some bin below a node may be of those that are wanted.
func (m marks) admit(want marks) bool {
	m &= want
	return m&allProfiles != 0 && m&allZones != 0 && m&anyLoad != 0
}

// newIndex makes an index of all bins of s, which from now on keeps it up to
// date.
func newIndex(s *state) *index {
	x := &index{s: s, digester: newDigester(s.peak())}
	x.need = make([]uint64, 0, x.words*len(s.classIn))
	for c := range s.classIn {
		for w := range x.words {
			x.need = append(x.need, x.down(s.needs(int32(c)), w))
		}
	}
	x.rooms = make([][][]uint64, x.words)
	x.grow(len(s.kind))
	for b := range s.kind {
		x.update(int32(b))
	}
	s.watch = x
	return x
}

// grow makes room for n bins, of which the index knows nothing yet.
func (x *index) grow(n int) {
	expected := cap(x.s.kind)
	for h := 0; ; h++ {
		if h == len(x.marks) {
			x.marks = append(x.marks, make([]marks, 0, expected))
			for w := range x.rooms {
				x.rooms[w] = append(x.rooms[w], make([]uint64, 0, expected))
			}
		}
		first := len(x.marks[h])
		for i := first; i < n; i++ {
			x.marks[h] = append(x.marks[h], 0)
			for w := range x.rooms {
				x.rooms[w][h] = append(x.rooms[w][h], guards)
			}
		}
		if h > 0 && first == 0 { // a new level has everything to learn
			for i := range n {
				x.marks[h][i] = x.gatherMarks(h, i)
				for w := range x.rooms {
					x.rooms[w][h][i] = gather(x.rooms[w][h-1], i)
				}
			}
		}
		if n <= fan {
			return
		}
		n = (n + fan - 1) / fan
		expected = (expected + fan - 1) / fan
	}
}

// update follows a change of a bin.
func (x *index) update(b int32) {
	if int(b) >= len(x.marks[0]) {
		x.grow(int(b) + 1)
	}
	if !x.s.open[b] {
		x.mark(int(b), 0)
		for w := range x.rooms {
			follow(x.rooms[w], int(b), guards)
		}
		return
	}
	k := &x.s.kinds[x.s.kind[b]]
	m := profileMark(k.profile) | zoneMark(k.zone) | inUse
	if len(x.s.items[b]) == 0 {
		m ^= anyLoad
	}
	x.mark(int(b), m)
	for w := range x.rooms {
		follow(x.rooms[w], int(b), x.up(x.s.room(b), w))
	}
}

// follow makes node i of the lowest level say what it has, and those above it
// what follows.
func follow(levels [][]uint64, i int, is uint64) {
	for h, l := range levels {
		was := l[i]
		if was == is {
			return
		}
		l[i] = is
		if h+1 == len(levels) {
			return
		}
		i /= fan
		if most := levels[h+1][i]; misses(most, was, is) {
			is = gather(l, i)
		} else {
			is = larger(most, is)
		}
	}
}

// gather is what the children of node i say together.
func gather(below []uint64, i int) uint64 {
	below = below[i*fan : min((i+1)*fan, len(below))]
	if len(below) == fan { // not one after the other: a processor does several at once
		a, b := larger(below[0], below[1]), larger(below[2], below[3])
		c, d := larger(below[4], below[5]), larger(below[6], below[7])
		return larger(larger(a, b), larger(c, d))
	}
	most := uint64(guards)
	for _, x := range below {
		most = larger(most, x)
	}
	return most
}

// mark does the same as follow for marks.
func (x *index) mark(i int, m marks) {
	for h := range x.marks {
		if x.marks[h][i] == m {
			return
		}
		x.marks[h][i] = m
		if h+1 < len(x.marks) {
			i /= fan
			m = x.gatherMarks(h+1, i)
		}
	}
}

func (x *index) gatherMarks(h, i int) marks {
	below := x.marks[h-1]
	m := marks(0)
	for _, o := range below[i*fan : min((i+1)*fan, len(below))] {
		m |= o
	}
	return m
}

// first is the lowest bin from a number on that is wanted and has room for an
// item of c; -1 if there is none. With more than 31 profiles or zones it may be
// one that only looks wanted.
func (x *index) first(from, c int32, want marks) int32 {
	need := x.need[int(c)*x.words:][:x.words]
	h, i := 0, int(from)
	for {
		for i&(fan-1) == 0 && h+1 < len(x.marks) {
			h, i = h+1, i/fan
		}
		rooms := x.rooms[0][h]
		for end := min(i|(fan-1)+1, len(rooms)); i < end; {
			switch {
			case !mayFit(rooms[i], need[0]) || !x.marks[h][i].admit(want) || !x.mayFit(h, i, need):
				i++
			case h > 0:
				h, i = h-1, i*fan
				rooms = x.rooms[0][h]
				end = min(i+fan, len(rooms))
			case x.s.fits(c, int32(i)):
				return int32(i)
			default:
				i++
			}
		}
		if i >= len(rooms) {
			return -1
		}
	}
}

// mayFit compares the words after the first.
func (x *index) mayFit(h, i int, need []uint64) bool {
	for w := 1; w < len(need); w++ {
		if !mayFit(x.rooms[w][h][i], need[w]) {
			return false
		}
	}
	return true
}

// wanted are the marks of bins that class c may be added to, as far as they can
// tell: capabilities, zones that its rule leaves, and what load says.
func (s *state) wanted(c int32, load marks) marks {
	want := s.groupMarks[s.group[c]] | load
	if s.zoned[c] < 0 {
		return want | allZones
	}
	for z := range s.layout.zones {
		if s.spreads(c, int32(z)) {
			want |= zoneMark(int32(z))
		}
	}
	return want
}

package packing

// fan is the number of children of a node of an index.
const fan = 8

// An index finds bins with room, lowest number first, without looking at those
// that have none: a tree over the bins in which every node has, per column, the
// most that any bin below it has left, and the marks of all that lie below. It
// follows the state that it watches.
type index struct {
	s      *state
	levels []level // the bins, then ever shorter ones; the last has <= fan nodes
}

type level struct {
	most  []int64 // per node, width columns, >= 0
	marks []marks // per node
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
	x := &index{s: s, levels: []level{{}}}
	for b := range s.kind {
		x.grow(b + 1)
		x.leaf(int32(b))
	}
	for h := 1; h < len(x.levels); h++ {
		for i := range x.levels[h].marks {
			x.gather(h, i)
		}
	}
	s.watch = x
	return x
}

// grow makes room for n bins.
func (x *index) grow(n int) {
	for h := 0; ; h++ {
		if h == len(x.levels) {
			x.levels = append(x.levels, level{})
		}
		l := &x.levels[h]
		if h == 0 && l.marks == nil {
			l.marks, l.most = make([]marks, 0, cap(x.s.kind)), make([]int64, 0, cap(x.s.free))
		}
		for len(l.marks) < n {
			l.marks = append(l.marks, 0)
			for range x.s.width {
				l.most = append(l.most, 0)
			}
		}
		if n <= fan {
			return
		}
		n = (n + fan - 1) / fan
	}
}

// leaf copies what the state says of a bin, and reports whether its parent may
// have to follow.
func (x *index) leaf(b int32) bool {
	w := x.s.width
	room := x.s.room(b)
	most := x.levels[0].most[int(b)*w:][:w]
	m := marks(0)
	if x.s.open[b] {
		k := &x.s.kinds[x.s.kind[b]]
		m = profileMark(k.profile) | zoneMark(k.zone) | inUse
		if len(x.s.items[b]) == 0 {
			m ^= anyLoad
		}
	}
	changed := m != x.levels[0].marks[b]
	x.levels[0].marks[b] = m
	above := x.above(0, int(b))
	for k, r := range room {
		r = max(r, 0)
		// The parent has the most of its children: it knows this one only where
		// this one had it, or has it now.
		changed = changed || r != most[k] && (above == nil || most[k] == above[k] || r > above[k])
		most[k] = r
	}
	return changed
}

// above is what the parent of a node says; nil if it has none.
func (x *index) above(h, i int) []int64 {
	if h+1 == len(x.levels) {
		return nil
	}
	return x.levels[h+1].most[i/fan*x.s.width:][:x.s.width]
}

// gather makes a node what its children say, and reports whether its parent may
// have to follow.
func (x *index) gather(h, i int) bool {
	below, w := &x.levels[h-1], x.s.width
	first, end := i*fan, min((i+1)*fan, len(below.marks))
	m := marks(0)
	for j := first; j < end; j++ {
		m |= below.marks[j]
	}
	changed := m != x.levels[h].marks[i]
	x.levels[h].marks[i] = m
	most, above := x.levels[h].most[i*w:][:w], x.above(h, i)
	for k := range most {
		top := int64(0)
		for j := first*w + k; j < end*w; j += w {
			top = max(top, below.most[j])
		}
		changed = changed || top != most[k] && (above == nil || most[k] == above[k] || top > above[k])
		most[k] = top
	}
	return changed
}

// update follows a change of a bin.
func (x *index) update(b int32) {
	if int(b) >= len(x.levels[0].marks) {
		x.grow(int(b) + 1)
		for h := 1; h < len(x.levels); h++ { // a new level has everything to learn
			for i := range x.levels[h].marks {
				if i == len(x.levels[h].marks)-1 || len(x.levels[h].marks) <= fan {
					x.gather(h, i)
				}
			}
		}
	}
	i := int(b)
	for h, changed := 1, x.leaf(b); changed && h < len(x.levels); h++ {
		i /= fan
		changed = x.gather(h, i)
	}
}

// first is the lowest bin from a number on that is wanted and has room for
// need; -1 if there is none. With more than 31 profiles or zones it may be one
// that only looks wanted.
func (x *index) first(from int32, need []int64, want marks) int32 {
	i, h, w := int(from), 0, len(need)
	for {
		l := &x.levels[h]
		end := min(i|(fan-1)+1, len(l.marks))
		for ; i < end; i++ {
			if l.marks[i].admit(want) && covers(l.most[i*w:], need) {
				break
			}
		}
		switch {
		case i < end && h == 0:
			return int32(i)
		case i < end:
			h--
			i *= fan
		case end == len(l.marks) || h+1 == len(x.levels):
			return -1
		default:
			h++
			i /= fan
		}
	}
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

package packing

import "slices"

// A state is a placement that a search changes: which items sit in which bins
// and what each bin has left. Bins from len(layout.binIn) on are new ones. Items
// of a class are equal, so there are only pairs of class and bin.
//
// Every change is logged, so that undo can take it back.
type state struct {
	*layout
	kind   []int32   // per bin
	open   []bool    // per bin: takes items
	free   []int64   // per bin, width columns: what an item may need; negative where overfull
	loads  []loads   // per bin and overcommitted dimension
	items  [][]int32 // per bin, the classes in no order
	lists  []int32   // to cut lists of items from
	at     [][]int32 // per class, the bins in no order
	want   []int32   // per class, its Count
	inZone [][]int32 // per rule and zone, how many

	spareNew []int32   // per template: how many more may be opened
	price    []float64 // per template: cost for what it holds; orders them
	used     int       // bins that hold an item
	cost     int64     // of these

	// relaxed is true while soft rules of spread are no rules.
	relaxed bool
	log     []change
	watch   *index // follows the changes of free, if not nil
}

// loads is what a bin holds in an overcommitted dimension.
type loads struct {
	virtual, physical int64 // left beside sizes, and beside pinned parts
	largest           int64 // of the parts that are not pinned
}

// A change is an item that came or went.
type change struct {
	class, bin int32
	came       bool
}

// newState puts every item where it sits at the beginning.
func newState(l *layout) *state {
	n := len(l.binIn)
	s := &state{
		layout:   l,
		kind:     slices.Clone(l.binKind),
		open:     make([]bool, n),
		free:     make([]int64, n*l.width),
		loads:    make([]loads, n*len(l.over)),
		items:    make([][]int32, n),
		at:       make([][]int32, len(l.classIn)),
		want:     make([]int32, len(l.classIn)),
		inZone:   make([][]int32, len(l.rules)),
		spareNew: make([]int32, len(l.p.Templates)),
	}
	for r := range s.inZone {
		s.inZone[r] = make([]int32, l.zones)
	}
	items := 0
	for c := range l.classIn {
		s.want[c] = int32(l.class(int32(c)).Count)
		items += max(int(s.want[c]), len(l.home[c]))
	}
	for t := range s.spareNew {
		s.spareNew[t] = int32(min(l.p.Templates[t].Max, items))
	}
	for b, in := range l.binIn {
		s.open[b] = l.p.Bins[in].State == Open
		s.clear(int32(b))
	}
	s.price = l.prices()
	s.expect()
	s.allot(items)
	for c, bins := range l.home {
		for _, b := range bins {
			s.add(int32(c), b)
		}
	}
	s.log = s.log[:0]
	return s
}

// allot gives lists their expected lengths out of one piece of memory.
func (s *state) allot(items int) {
	flat := make([]int32, 0, items)
	for c := range s.at {
		n := max(int(s.want[c]), len(s.home[c]))
		s.at[c] = flat[len(flat):len(flat):min(len(flat)+n, cap(flat))]
		flat = flat[:min(len(flat)+n, cap(flat))]
	}
}

// expect makes room for as many new bins as the missing items will take, about.
func (s *state) expect() {
	if len(s.spareNew) == 0 {
		return
	}
	bins := 0.0
	for k, p := range s.peak() {
		demand := 0.0
		for c, n := range s.want {
			demand += float64(float64(s.needs(int32(c))[k]) * float64(max(0, int(n)-len(s.home[c]))))
		}
		bins = max(bins, demand/float64(max(p, 1)))
	}
	n := min(int(min(bins*1.3, 1e6)), int(slices.Max(s.spareNew)))
	s.kind, s.open = slices.Grow(s.kind, n), slices.Grow(s.open, n)
	s.free, s.items = slices.Grow(s.free, n*s.width), slices.Grow(s.items, n)
}

// emptyList has room for what a bin usually holds, cut from a piece for many.
func (s *state) emptyList() []int32 {
	if len(s.lists) < usualItems {
		s.lists = make([]int32, 512*usualItems)
	}
	list := s.lists[:0:usualItems]
	s.lists = s.lists[usualItems:]
	return list
}

const usualItems = 12

// clear makes an empty bin's room that of its kind.
func (s *state) clear(b int32) {
	room := s.kinds[s.kind[b]].room
	copy(s.free[int(b)*s.width:], room)
	for i, d := range s.over {
		s.loads[int(b)*len(s.over)+i] = s.emptyLoads(s.kind[b], d)
	}
}

// emptyLoads is what an empty bin of a kind has in an overcommitted dimension.
func (l *layout) emptyLoads(kind int32, d int) loads {
	k := &l.kinds[kind]
	left := loads{virtual: k.room[d], physical: k.room[d]}
	if k.bin.Virtual != nil {
		left.virtual += k.bin.Virtual[d] - k.bin.Capacity[d]
	}
	return left
}

// openNew adds an empty bin like template t, of which one more must be to spare.
func (s *state) openNew(t int32) int32 {
	b := s.newBin(t)
	s.touch(b)
	return b
}

// newBin does the same for who puts an item in at once: until then the index
// does not know of it.
func (s *state) newBin(t int32) int32 {
	s.spareNew[t]--
	b := int32(len(s.kind))
	s.kind = append(s.kind, t)
	s.open = append(s.open, true)
	s.free = append(s.free, s.kinds[t].room...)
	s.loads = append(s.loads, make([]loads, len(s.over))...)
	s.items = append(s.items, s.emptyList())
	s.clear(b)
	return b
}

// room is what an item may need to fit into b.
func (s *state) room(b int32) []int64 {
	return s.free[int(b)*s.width : (int(b)+1)*s.width : (int(b)+1)*s.width]
}

// fits reports whether b has room for an item of c. What needs nothing of a
// dimension fits even where that is overfull.
func (s *state) fits(c, b int32) bool { return covers(s.room(b), s.needs(c)) }

func covers(room, need []int64) bool {
	room = room[:len(need)]
	for k, n := range need {
		if n > room[k] && n > 0 {
			return false
		}
	}
	return true
}

// holds reports whether an item of c sits in b.
func (s *state) holds(c, b int32) bool {
	if len(s.at[c]) < len(s.items[b]) {
		return slices.Contains(s.at[c], b)
	}
	return slices.Contains(s.items[b], c)
}

// can reports whether an item of c may be added to b.
func (s *state) can(c, b int32) bool { return s.fits(c, b) && s.may(c, b) }

// may reports the same, whatever the room.
func (s *state) may(c, b int32) bool {
	return s.open[b] && s.takesKind(c, s.kind[b]) && !s.holds(c, b) && s.spreads(c, s.zone(b))
}

func (s *state) zone(b int32) int32 { return s.kinds[s.kind[b]].zone }

// spreads reports whether the rule of c lets one more item into a zone.
func (s *state) spreads(c, zone int32) bool {
	r := s.zoned[c]
	if r < 0 || s.relaxed && s.rules[r].soft {
		return true
	}
	least, _ := s.zoneRange(r, zone)
	return s.inZone[r][zone]+1-least <= s.rules[r].skew
}

// zoneRange are the least and the greatest number of items in a zone that
// counts, the least as it is after one more came to the zone named.
func (s *state) zoneRange(r, plus int32) (least, most int32) {
	least = 1 << 30
	for z, counts := range s.rules[r].zones {
		if !counts {
			continue
		}
		n := s.inZone[r][z]
		if int32(z) == plus {
			n++
		}
		least, most = min(least, n), max(most, n)
	}
	return least, most
}

// mayLeave reports whether the rule of c lets an item leave b: the emptiest
// zone may not fall more than the skew behind the fullest.
func (s *state) mayLeave(c, b int32) bool {
	r := s.zoned[c]
	if r < 0 || s.relaxed && s.rules[r].soft || !s.rules[r].zones[s.zone(b)] {
		return true
	}
	_, most := s.zoneRange(r, -1)
	left := s.inZone[r][s.zone(b)] - 1
	return most-left <= s.rules[r].skew || left+1 == most
}

// add puts an item of c into b, whether it fits or not.
func (s *state) add(c, b int32) {
	if len(s.items[b]) == 0 {
		s.used++
		s.cost += s.kinds[s.kind[b]].bin.cost()
	}
	s.items[b] = append(s.items[b], c)
	s.at[c] = append(s.at[c], b)
	s.count(c, b, 1)
	s.log = append(s.log, change{c, b, true})
	need, room := s.needs(c), s.room(b)
	for k := range len(need) - len(s.over) {
		room[k] -= need[k]
	}
	if len(s.over) > 0 {
		s.addLoads(c, b)
	}
	s.touch(b)
}

// remove takes the item of c out of b, where one must be.
func (s *state) remove(c, b int32) {
	s.items[b] = without(s.items[b], c)
	s.at[c] = without(s.at[c], b)
	if len(s.items[b]) == 0 {
		s.used--
		s.cost -= s.kinds[s.kind[b]].bin.cost()
	}
	s.count(c, b, -1)
	s.log = append(s.log, change{c, b, false})
	need, room := s.needs(c), s.room(b)
	for k := range len(need) - len(s.over) {
		room[k] += need[k]
	}
	if len(s.over) > 0 {
		s.removeLoads(c, b)
	}
	s.touch(b)
}

// without removes x, which must be there, from an unordered list.
func without(list []int32, x int32) []int32 {
	i := slices.Index(list, x)
	last := len(list) - 1
	list[i] = list[last]
	return list[:last]
}

func (s *state) count(c, b, by int32) {
	if r := s.zoned[c]; r >= 0 {
		s.inZone[r][s.zone(b)] += by
	}
}

func (s *state) touch(b int32) {
	if s.watch != nil {
		s.watch.update(b)
	}
}

// addLoads books an item in the overcommitted dimensions.
func (s *state) addLoads(c, b int32) {
	for i, d := range s.over {
		size, pinned := s.parts(c, i, d)
		o := &s.loads[int(b)*len(s.over)+i]
		o.virtual -= size
		o.physical -= pinned
		o.largest = max(o.largest, size-pinned)
		s.setRoom(b, i, d, *o)
	}
}

func (s *state) removeLoads(c, b int32) {
	for i, d := range s.over {
		size, pinned := s.parts(c, i, d)
		o := &s.loads[int(b)*len(s.over)+i]
		o.virtual += size
		o.physical += pinned
		if size-pinned == o.largest {
			o.largest = 0
			for _, other := range s.items[b] {
				size, pinned := s.parts(other, i, d)
				o.largest = max(o.largest, size-pinned)
			}
		}
		s.setRoom(b, i, d, *o)
	}
}

// parts are the size and the pinned part of c in overcommitted dimension i,
// which is dimension d.
func (s *state) parts(c int32, i, d int) (size, pinned int64) {
	need := s.needs(c)
	return need[d], need[s.width-len(s.over)+i]
}

// setRoom writes what loads leave. A bin whose largest load does not fit beside
// what is pinned takes nothing more, however little.
func (s *state) setRoom(b int32, i, d int, o loads) {
	room := s.room(b)
	peak := o.physical - o.largest
	room[d] = min(o.virtual, o.physical)
	if peak < 0 {
		room[d] = min(room[d], peak)
	}
	room[s.width-len(s.over)+i] = peak
}

// mark is a moment that undo can go back to.
func (s *state) mark() int { return len(s.log) }

// undo takes back every change since a mark.
func (s *state) undo(mark int) {
	for i := len(s.log) - 1; i >= mark; i-- {
		if ch := s.log[i]; ch.came {
			s.remove(ch.class, ch.bin)
		} else {
			s.add(ch.class, ch.bin)
		}
	}
	s.log = s.log[:mark]
}

// short is how many items of c are not placed.
func (s *state) short(c int32) int { return max(0, int(s.want[c])-len(s.at[c])) }

// moved is how many items of c left their bin for another, and their cost.
func (s *state) moved(c int32) (items int, cost int64) {
	if len(s.home[c]) == 0 {
		return 0, 0
	}
	kept := 0
	for _, b := range s.at[c] {
		if s.isHome(c, b) {
			kept++
		}
	}
	items = min(len(s.home[c])-kept, len(s.at[c])-kept)
	return items, int64(items) * s.class(c).MoveCost
}

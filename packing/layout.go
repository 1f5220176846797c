package packing

import (
	"cmp"
	"slices"
	"strings"
)

// A layout is a valid Problem made ready for searching, and never changes.
// Classes are numbered by name and bins by ordinal and name, so that whatever
// goes by these numbers does not depend on the order of the input.
//
// What an item needs and what a bin has left are vectors of width columns: the
// dimensions, where the column of an overcommitted one has the smaller of what
// is left virtually and physically, then, per overcommitted dimension, what
// there is for pinned parts beside the largest load. So one comparison of two
// vectors says whether an item fits.
type layout struct {
	p     *Problem
	width int
	over  []int // the dimensions of columns len(p.Dimensions) and on

	classIn []int32 // per class, its index in the input
	binIn   []int32 // per bin, likewise
	need    []int64 // per class, width columns
	group   []int32 // per class: those of one group take the same bins
	home    [][]int32
	prefer  bool    // some class prefers capabilities
	zoned   []int32 // per class, the index of its rule in rules; -1 is none
	rules   []rule

	kinds      []kind
	binKind    []int32 // per bin
	takes      []bool  // per group and profile
	groupMarks []marks // per group: its profiles
	groups     int
	profile    int // how many
	zones      int
	declared   int  // of these, the first so many are Problem.Zones
	ordinal    bool // the ordinals differ: the lowest fill first, used or not
}

// A kind is what equal bins have in common. Templates are kinds too: kind t is
// that of template t.
type kind struct {
	room    []int64 // of an empty bin, width columns, in the raw: may be negative
	bin     *Bin
	profile int32 // its set of capabilities
	zone    int32
}

// A rule is the Spread of a class.
type rule struct {
	class int32
	skew  int32
	soft  bool
	zones []bool // which count
}

func newLayout(p *Problem) *layout {
	l := &layout{p: p, width: len(p.Dimensions)}
	l.columns()
	l.rank()
	l.addKinds()
	l.addClasses()
	l.addRules()
	return l
}

// columns finds the overcommitted dimensions.
func (l *layout) columns() {
	for d := range l.p.Dimensions {
		over := func(b *Bin) bool { return b.Virtual != nil && b.Virtual[d] > b.Capacity[d] }
		if slices.ContainsFunc(l.p.Bins, func(b Bin) bool { return over(&b) }) ||
			slices.ContainsFunc(l.p.Templates, func(t Template) bool { return over(&t.Bin) }) {
			l.over = append(l.over, d)
		}
	}
	l.width += len(l.over)
}

func (l *layout) rank() {
	l.classIn = ranked(len(l.p.Classes), func(i, j int32) int {
		return strings.Compare(l.p.Classes[i].Name, l.p.Classes[j].Name)
	})
	l.binIn = ranked(len(l.p.Bins), func(i, j int32) int {
		a, b := &l.p.Bins[i], &l.p.Bins[j]
		return cmp.Or(cmp.Compare(a.Ordinal, b.Ordinal), strings.Compare(a.Name, b.Name))
	})
	n := len(l.binIn)
	l.ordinal = n > 0 && l.p.Bins[l.binIn[0]].Ordinal != l.p.Bins[l.binIn[n-1]].Ordinal
}

// ranked are the numbers below n in an order without ties.
func ranked(n int, compare func(i, j int32) int) []int32 {
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	if !slices.IsSortedFunc(order, compare) {
		slices.SortFunc(order, compare)
	}
	return order
}

// addKinds sorts the bins into kinds.
func (l *layout) addKinds() {
	profiles := interner{}
	zones := map[string]int32{}
	number := func(zone string) int32 {
		n, found := zones[zone]
		if !found {
			n = int32(len(zones))
			zones[zone] = n
		}
		return n
	}
	for _, zone := range l.p.Zones {
		number(zone) // so these are the first ones
	}
	l.declared = len(zones)
	add := func(b *Bin) int32 {
		l.kinds = append(l.kinds, kind{bin: b, profile: profiles.id(b.Capabilities, nil), zone: number(b.Zone), room: l.roomOf(b)})
		return int32(len(l.kinds) - 1)
	}
	for i := range l.p.Templates {
		add(&l.p.Templates[i].Bin)
	}
	l.binKind = make([]int32, len(l.binIn))
	byKey := map[uint64][]int32{} // a hash of what alike compares
	last := int32(-1)
	for b, in := range l.binIn {
		bin := &l.p.Bins[in]
		if last < 0 || !alike(l.kinds[last].bin, bin) {
			key := binHash(bin)
			i := slices.IndexFunc(byKey[key], func(k int32) bool { return alike(l.kinds[k].bin, bin) })
			if i >= 0 {
				last = byKey[key][i]
			} else {
				last = add(bin)
				byKey[key] = append(byKey[key], last)
			}
		}
		l.binKind[b] = last
	}
	l.zones = len(zones)
	l.addGroups(&profiles)
}

func binHash(b *Bin) uint64 {
	h := uint64(0)
	for _, v := range [][]int64{b.Capacity, b.Virtual, b.Used, {b.Cost}} {
		for _, x := range v {
			h = mix(h ^ uint64(x))
		}
	}
	return h
}

// alike reports whether two bins differ in nothing that packing can see while
// both are open.
func alike(a, b *Bin) bool {
	return a.Zone == b.Zone && a.cost() == b.cost() && slices.Equal(a.Capacity, b.Capacity) && slices.Equal(a.Virtual, b.Virtual) &&
		slices.Equal(a.Used, b.Used) && slices.Equal(a.Capabilities, b.Capabilities)
}

// roomOf is the raw room of an empty bin.
func (l *layout) roomOf(b *Bin) []int64 {
	room := make([]int64, l.width)
	copy(room, b.Capacity)
	for d, x := range b.Used {
		room[d] -= x
	}
	for k, d := range l.over {
		room[len(l.p.Dimensions)+k] = room[d]
	}
	return room
}

// addGroups finds which classes take which bins.
func (l *layout) addGroups(profiles *interner) {
	groups := interner{}
	l.group = make([]int32, len(l.classIn))
	for c := range l.classIn {
		class := l.class(int32(c))
		l.group[c] = groups.id(class.Requires, class.Forbids)
	}
	l.groups, l.profile = len(groups.sets), len(profiles.sets)
	l.takes = make([]bool, l.groups*l.profile)
	l.groupMarks = make([]marks, l.groups)
	for g, need := range groups.sets {
		c := Class{Requires: need.a, Forbids: need.b}
		for k, have := range profiles.sets {
			if c.takes(have.a) {
				l.takes[g*l.profile+k] = true
				l.groupMarks[g] |= profileMark(int32(k))
			}
		}
	}
}

func (l *layout) addClasses() {
	l.need = make([]int64, len(l.classIn)*l.width)
	l.home = make([][]int32, len(l.classIn))
	rankOf := inverse(l.binIn)
	for c := range l.classIn {
		class := l.class(int32(c))
		need := l.needs(int32(c))
		copy(need, class.Size)
		l.prefer = l.prefer || len(class.Prefers) > 0
		for k, d := range l.over {
			if class.Pinned != nil {
				need[len(class.Size)+k] = class.Pinned[d]
			}
		}
		for _, b := range class.At {
			l.home[c] = append(l.home[c], rankOf[b])
		}
		slices.Sort(l.home[c])
	}
}

func (l *layout) addRules() {
	l.zoned = make([]int32, len(l.classIn))
	eligible := map[int32][]bool{} // by group
	for c := range l.zoned {
		spread := l.class(int32(c)).Spread
		if spread.MaxSkew == 0 {
			l.zoned[c] = -1
			continue
		}
		g := l.group[c]
		if eligible[g] == nil {
			eligible[g] = l.zonesFor(l.class(int32(c)))
		}
		l.zoned[c] = int32(len(l.rules))
		l.rules = append(l.rules, rule{class: int32(c), skew: int32(min(spread.MaxSkew, 1<<30)), soft: spread.Soft, zones: eligible[g]})
	}
}

// zonesFor are the declared zones, and those of the open bins and templates
// whose capabilities suit a class.
func (l *layout) zonesFor(class *Class) []bool {
	zones := make([]bool, l.zones)
	for zone := range l.declared {
		zones[zone] = true
	}
	suits := make([]bool, len(l.kinds))
	for k := range l.kinds {
		suits[k] = class.takes(l.kinds[k].bin.Capabilities)
		if k < len(l.p.Templates) && l.p.Templates[k].Max > 0 && suits[k] {
			zones[l.kinds[k].zone] = true
		}
	}
	for b, in := range l.binIn {
		if k := l.binKind[b]; suits[k] && l.p.Bins[in].State == Open {
			zones[l.kinds[k].zone] = true
		}
	}
	return zones
}

// prices is, per template, its cost for what it holds of the whole demand.
func (l *layout) prices() []float64 {
	demand := make([]float64, l.width)
	for c := range l.classIn {
		n := float64(max(0, l.class(int32(c)).Count-len(l.home[c])))
		for k, x := range l.needs(int32(c)) {
			demand[k] += float64(float64(x) * n)
		}
	}
	prices := make([]float64, len(l.p.Templates))
	for t := range prices {
		holds := 0.0
		for k, r := range l.kinds[t].room {
			if demand[k] > 0 {
				// How many such bins the demand takes is 1/holds, about.
				if h := float64(r) / demand[k]; holds == 0 || h < holds {
					holds = h
				}
			}
		}
		prices[t] = float64(l.kinds[t].bin.cost()) / max(holds, 1e-300)
	}
	return prices
}

// class is the class of a number.
func (l *layout) class(c int32) *Class { return &l.p.Classes[l.classIn[c]] }

// needs is what one item of a class needs.
func (l *layout) needs(c int32) []int64 {
	return l.need[int(c)*l.width : (int(c)+1)*l.width : (int(c)+1)*l.width]
}

// takesKind reports whether the capabilities of a kind suit a class.
func (l *layout) takesKind(c, k int32) bool {
	return l.takes[int(l.group[c])*l.profile+int(l.kinds[k].profile)]
}

// isHome reports whether an item of c sits in b at the beginning.
func (l *layout) isHome(c, b int32) bool {
	_, found := slices.BinarySearch(l.home[c], b)
	return found
}

// inverse is the inverse of a permutation.
func inverse(order []int32) []int32 {
	inv := make([]int32, len(order))
	for i, x := range order {
		inv[x] = int32(i)
	}
	return inv
}

// An interner numbers pairs of string sets by first appearance. The order of a
// set's members makes no difference.
type interner struct {
	sets []stringSets
	ids  map[string]int32
	last stringSets
	was  int32
}

type stringSets struct{ a, b []string }

func (in *interner) id(a, b []string) int32 {
	if len(in.sets) > 0 && slices.Equal(in.last.a, a) && slices.Equal(in.last.b, b) {
		return in.was // neighbours often are equal
	}
	key := setKey(a) + "\x01" + setKey(b)
	id, found := in.ids[key]
	if !found {
		if in.ids == nil {
			in.ids = map[string]int32{}
		}
		id = int32(len(in.sets))
		in.ids[key] = id
		in.sets = append(in.sets, stringSets{a, b})
	}
	in.last, in.was = stringSets{a, b}, id
	return id
}

func setKey(set []string) string {
	set = slices.Clone(set)
	slices.Sort(set)
	var key strings.Builder
	for _, s := range slices.Compact(set) {
		key.WriteString(itoa(len(s)) + ":" + s)
	}
	return key.String()
}

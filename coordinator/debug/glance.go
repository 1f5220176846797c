package debug

import (
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// version is that of the JSON.
const version = 1

// A head is what the JSON of every page begins with.
type head struct {
	V      int       `json:"v"`
	Tick   uint64    `json:"tick"` // 0: none yet
	At     time.Time `json:"at"`   // of the snapshot
	Paused bool      `json:"paused"`
	Errors []string  `json:"errors"` // of reading, observing and acting, in this tick
}

// A glance is what a page is built from: one instant, as far as it goes.
type glance struct {
	watched  *coordinator.Coordinator // may be nil
	picture  *picture
	models   map[string]*coordinator.Model
	groups   map[string]*coordinator.ServerGroup
	services map[string]*coordinator.Service
	frozen   map[coordinator.TargetID]time.Time
	paused   bool
}

// glance takes note that somebody looks, and gathers what there is to see.
func (h *Handler) glance() *glance {
	h.mu.Lock()
	h.looked = time.Now()
	g := &glance{watched: h.watched, picture: h.picture}
	h.mu.Unlock()
	if g.picture == nil {
		g.picture = &picture{}
	}
	g.models, g.groups = map[string]*coordinator.Model{}, map[string]*coordinator.ServerGroup{}
	g.services = map[string]*coordinator.Service{}
	if g.watched == nil {
		return g
	}
	g.frozen, g.paused = g.watched.Frozen(), g.watched.Paused()
	d := g.watched.Declarations()
	for i := range d.Models {
		g.models[d.Models[i].Name] = &d.Models[i]
	}
	for i := range d.Groups {
		g.groups[d.Groups[i].Name] = &d.Groups[i]
	}
	for i := range d.Services {
		g.services[d.Services[i].Name] = &d.Services[i]
	}
	return g
}

func (g *glance) head() head {
	p := g.picture
	errs := some(slices.Concat(p.errs, p.failed()))
	if len(errs) > mostErrors {
		errs = append(errs[:mostErrors], "and "+strconv.Itoa(len(errs)-mostErrors)+" more")
	}
	return head{V: version, Tick: p.tick, At: p.plan.At.UTC(), Paused: g.paused, Errors: errs}
}

// mostErrors is how many a page shows.
const mostErrors = 10

// failed are the errors of actions that were sent.
func (p *picture) failed() (errs []string) {
	for i, err := range p.applyErrs {
		if err != "" && !p.withheld[i] {
			errs = append(errs, err)
		}
	}
	return errs
}

// until is when a freeze ends, nil if there is none.
func (g *glance) until(kind coordinator.TargetKind, name string) *time.Time {
	return instant(g.frozen[coordinator.TargetID{Kind: kind, Name: name}])
}

// instant is nil for the zero time, as JSON wants it.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// A query says which rows of a page are wanted.
type query struct {
	name, part string
	from, n    int
	values     url.Values
}

// The number of rows of a page.
const (
	rows     = 100
	mostRows = 1000
)

// newQuery reads parameters; what makes no sense is the default.
func newQuery(v url.Values) query {
	q := query{name: v.Get("name"), part: v.Get("q"), n: rows, values: v}
	if n, err := strconv.Atoi(v.Get("n")); err == nil && n > 0 {
		q.n = min(n, mostRows)
	}
	if from, err := strconv.Atoi(v.Get("from")); err == nil && from > 0 {
		q.from = from
	}
	return q
}

func (q query) wants(name string) bool { return strings.Contains(name, q.part) }

// A span says which rows a page shows, of how many.
type span struct {
	Total int    `json:"total"` // those that match
	From  int    `json:"from"`
	Shown int    `json:"shown"`
	Part  string `json:"q"`

	Before, After string `json:"-"` // links; "" if there is nothing
}

// cut takes the wanted rows out of n, as from and to.
func (q query) cut(total int) (from, to int, s span) {
	from = min(q.from, total)
	to = min(from+q.n, total)
	s = span{Total: total, From: from, Shown: to - from, Part: q.part}
	link := func(from int) string {
		v := url.Values{}
		for _, key := range []string{"q", "n"} {
			if q.values.Has(key) {
				v.Set(key, q.values.Get(key))
			}
		}
		v.Set("from", strconv.Itoa(from))
		return "?" + v.Encode()
	}
	if from > 0 {
		s.Before = link(max(0, from-q.n))
	}
	if to < total {
		s.After = link(to)
	}
	return from, to, s
}

// First and Last number the rows from one, as people do.
func (s span) First() int { return min(s.From+1, s.Total) }

// Last is the number of the last row.
func (s span) Last() int { return s.From + s.Shown }

// A number is a float that JSON may not know: then it is null.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if !n.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// Known reports whether there is such a number.
func (n number) Known() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

func (n number) String() string {
	if !n.Known() {
		return "–"
	}
	if x := float64(n); math.Abs(x) >= 1000 && math.Abs(x) < 1e15 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(float64(n), 'g', 4, 64)
}

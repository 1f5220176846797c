package coordinator

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/policy"
)

// wants is a policy that wants so many, whatever comes.
type wants int

func (wants) Validate() error                    { return nil }
func (wants) Needs() policy.Needs                { return policy.Needs{} }
func (n wants) New(time.Time, int) policy.Policy { return n }
func (n wants) Decide(o policy.Observation) policy.Decision {
	return o.Propose("wanted", int(n))
}

// A yard is a pool whose world is what a test writes down, and whose loads are what
// it says.
type yard struct {
	p   *Planner
	now time.Time
}

var dawn = time.Unix(1_000_000_000, 0)

// newYard is a pool of servers of 5 GiB, as many as are shown. A model is "name size
// desired load", of which there may be as many copies as there are servers; or with
// a "+" at its end no more than are desired.
func newYard(t require.TestingT, g ServerGroup, models ...string) *yard {
	g.Name, g.Pool = "pool", &Pool{Slots: 10}
	if g.Capacity == nil {
		g.Capacity = Resources{"gib": 5}
	}
	if g.Max == 0 {
		g.Fixed = true
	}
	d := Declarations{Groups: []ServerGroup{g}}
	loads := map[string]float64{}
	for _, line := range models {
		var name string
		var size int64
		var desired int
		var load float64
		_, err := fmt.Sscan(line, &name, &size, &desired, &load)
		require.NoError(t, err, line)
		m := Model{Name: name, Group: "pool", Needs: Resources{"gib": size}, Max: 9, Policy: wants(desired), LoadTime: 10 * time.Second}
		if strings.HasSuffix(line, "+") {
			m.Max = desired
		}
		d.Models = append(d.Models, m)
		loads[name] = load
	}
	p, err := NewPlanner(d, PlannerOptions{})
	require.NoError(t, err)
	for _, m := range p.models {
		m.use.Fast = loads[m.Name]
	}
	return &yard{p, dawn}
}

// world shows servers s0, s1, …: the copies that serve there; "a+" loads, "a-"
// drains, "a!" has requests, "a'" has come a moment ago. "leaving" and "booting" are
// said of the server; "gone" is none.
func (y *yard) world(servers ...string) World {
	g := GroupState{Name: "pool", Desired: len(servers)}
	for i, line := range servers {
		s := ServerState{Name: fmt.Sprintf("s%d", i), Ordinal: i, Phase: Up, Since: dawn.Add(-time.Hour)}
		for _, word := range strings.Fields(line) {
			switch word {
			case "leaving":
				s.Leaving = true
				continue
			case "booting":
				s.Phase = Booting
				continue
			}
			r := ReplicaState{
				Model: word[:1], Phase: Serving, Since: dawn.Add(-time.Hour), InFlight: policy.Reading{At: y.now, Quality: policy.OK},
			}
			for _, how := range word[1:] {
				switch how {
				case '+':
					r.Phase, r.Since = Loading, y.now
				case '-':
					r.Phase, r.Since, r.InFlight.Value = Draining, y.now, 1
				case '!':
					r.InFlight.Value = 1
				case '\'':
					r.Since = y.now.Add(-time.Second)
				}
			}
			s.Replicas = append(s.Replicas, r)
		}
		slices.SortFunc(s.Replicas, func(a, b ReplicaState) int { return strings.Compare(a.Model, b.Model) })
		if line != "gone" {
			g.Servers = append(g.Servers, s)
		}
	}
	return World{Groups: []GroupState{g}}
}

// plan plans 2 s later and tells what is to be done now, and what waits.
func (y *yard) plan(servers ...string) (does []string) {
	y.now = y.now.Add(2 * time.Second)
	plan := y.p.Plan(Snapshot{Now: y.now, World: y.world(servers...)})
	for _, a := range plan.Now {
		does = append(does, fmt.Sprintf("%v: %s", a, a.Why.Reason))
	}
	for _, l := range plan.Later {
		does = append(does, fmt.Sprintf("later %v: %s", l.Action, l.Action.Why.Reason))
	}
	return does
}

// settled is a yard whose planner has seen the world twice, so that what its models
// want is what is desired, and has done nothing about it.
func (y *yard) settled(servers ...string) *yard {
	q := y.pool()
	q.swapped = y.now.Add(time.Hour)
	y.plan(servers...)
	y.plan(servers...)
	q.swapped = y.now.Add(-time.Hour)
	return y
}

func (y *yard) pool() *pool { return y.p.groups[0].pool }

// allotment is that of a plan on the world as last shown, before it has done
// anything.
func (y *yard) allotment() *allotment {
	g := y.p.groups[0]
	g.wipe()
	for _, m := range g.packed {
		m.planned = m.planned[:0]
	}
	g.countCopies(y.p.last)
	a := y.p.newAllotment(g)
	a.appraise()
	return a
}

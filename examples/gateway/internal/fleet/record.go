package fleet

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/gateway/internal/proc"
)

// A record is what is kept of a server group: what was wished, and which
// processes there are because of it. Fences are kept here, too, so that they hold
// for every control plane that shares the directory.
type record struct {
	Group    string    `json:"group"`
	Desired  int       `json:"desired"`
	Next     int       `json:"next"`    // ordinal that was never used
	Routes   uint64    `json:"routes"`  // version of the routes that the proxy is to have
	Crashes  int       `json:"crashes"` // that followed another soon, in a row
	Crashed  time.Time `json:"crashed"` // when the last server did
	RetryAt  time.Time `json:"retryAt"` // no server is started before, on their account
	Revs     uint64    `json:"revs"`    // the last one that any subject got
	Rev      uint64    `json:"rev"`     // of Desired
	Fence    fence     `json:"fence"`
	Servers  []*server `json:"servers"`
	changed  bool      // since it was read
	rerouted bool      // routes were changed since
}

// A server is a process that there is or is to be.
type server struct {
	Name     string     `json:"name"`
	Ordinal  int        `json:"ordinal"`
	Token    string     `json:"token"`   // that the process answers with
	Port     int        `json:"port"`    // 0: not started
	Process  proc.ID    `json:"process"` // nobody: about to be started, or not noted
	Ordered  time.Time  `json:"ordered"`
	Up       time.Time  `json:"up"`       // since when; zero: it boots
	Removing time.Time  `json:"removing"` // since when; zero: it stays
	Rev      uint64     `json:"rev"`      // of what it holds
	Fence    fence      `json:"fence"`
	Replicas []*replica `json:"replicas"`
}

func (s *server) addr() string { return "127.0.0.1:" + strconv.Itoa(s.Port) }
func (s *server) stays() bool  { return s.Removing.IsZero() }

// The routings of a replica; none is "".
const (
	routed   = "routed"
	draining = "draining"
)

// A replica is one that was ordered of a server. How far it is, the server knows.
type replica struct {
	Model        string    `json:"model"`
	ModelVersion string    `json:"modelVersion"`
	Routing      string    `json:"routing"`
	Since        time.Time `json:"since"` // of Routing
	Rev          uint64    `json:"rev"`
}

// A fence is what a subject remembers of the actions it accepted.
type fence struct {
	Epoch      uint64   `json:"epoch"`
	Generation uint64   `json:"generation"`
	Done       []string `json:"done"` // IDs of this generation
}

// admits reports whether an action was accepted before, or comes too late.
func (f *fence) admits(a coordinator.Action) (done bool, err error) {
	if a.Epoch < f.Epoch || a.Epoch == f.Epoch && a.Generation < f.Generation {
		return false, fmt.Errorf("%w: epoch %d, generation %d", coordinator.ErrFenced, f.Epoch, f.Generation)
	}
	return a.Epoch == f.Epoch && a.Generation == f.Generation && slices.Contains(f.Done, a.ID), nil
}

// raise notes an action that is accepted.
func (f *fence) raise(a coordinator.Action) {
	if a.Epoch != f.Epoch || a.Generation != f.Generation {
		*f = fence{Epoch: a.Epoch, Generation: a.Generation}
	}
	f.Done = append(f.Done, a.ID)
}

// revise gives a subject a revision that none had before.
func (r *record) revise(rev *uint64) {
	r.Revs++
	*rev, r.changed = r.Revs, true
}

func version(rev uint64) string { return strconv.FormatUint(rev, 10) }

// conflict is an error if an action is for another version of its subject.
func conflict(a coordinator.Action, rev uint64) error {
	if a.IfVersion != "" && a.IfVersion != version(rev) {
		return fmt.Errorf("%w: version %d, not %s", coordinator.ErrConflict, rev, a.IfVersion)
	}
	return nil
}

func (r *record) server(name string) *server {
	for _, s := range r.Servers {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func (s *server) replica(model, version string) *replica {
	for _, x := range s.Replicas {
		if x.Model == model && x.ModelVersion == version {
			return x
		}
	}
	return nil
}

// staying is how many servers there are, or are to be, that nobody removes.
func (r *record) staying() (n int) {
	for _, s := range r.Servers {
		if s.stays() {
			n++
		}
	}
	return n
}

// grow orders as many servers as are missing. Under ordinal removal they get the
// lowest names that are free, otherwise names that never were.
func (r *record) grow(removal coordinator.Removal, now time.Time) {
	for r.staying() < r.Desired {
		ordinal := r.Next
		if removal == coordinator.Ordinal {
			ordinal = 0
			for slices.ContainsFunc(r.Servers, func(s *server) bool { return s.Ordinal == ordinal }) {
				ordinal++
			}
		}
		r.Next = max(r.Next, ordinal+1)
		r.Servers = append(r.Servers, &server{
			Name: r.Group + "-" + strconv.Itoa(ordinal), Ordinal: ordinal, Token: rand.Text(), Ordered: now,
		})
		r.changed = true
	}
}

// shrink marks what goes: the victims; under ordinal removal, the highest
// ordinals; under free removal beyond the victims only servers that are not up
// yet, since no other was meant.
func (r *record) shrink(removal coordinator.Removal, victims []string, now time.Time) {
	remove := func(s *server) {
		s.Removing, r.changed = now, true
	}
	for _, s := range r.Servers {
		if s.stays() && slices.Contains(victims, s.Name) {
			remove(s)
		}
	}
	byOrdinal := slices.SortedFunc(slices.Values(r.Servers), func(a, b *server) int { return b.Ordinal - a.Ordinal })
	for _, s := range byOrdinal {
		if r.staying() > r.Desired && s.stays() && (removal == coordinator.Ordinal || s.Up.IsZero() && len(s.Replicas) == 0) {
			remove(s)
		}
	}
}

// drop forgets a server.
func (r *record) drop(s *server) {
	r.Servers = slices.DeleteFunc(r.Servers, func(x *server) bool { return x == s })
	r.changed = true
	if slices.ContainsFunc(s.Replicas, func(x *replica) bool { return x.Routing != "" }) {
		r.reroute(time.Now())
	}
}

// reroute gives the routes a new version. They are numbered by the clock where
// that is ahead, so that a proxy takes them from a directory made anew.
func (r *record) reroute(now time.Time) {
	r.Routes = max(r.Routes+1, uint64(max(now.UnixNano(), 0)))
	r.changed, r.rerouted = true, true
}

package policytest

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/policy"
)

// A fake asks for one replica per ten of the larger of the last two loads, and
// has one fault.
type fake struct {
	fault  string
	shared *float64 // between all targets
	asked  *int     // calls of Needs
}

func newFake(fault string) fake { return fake{fault, new(float64), new(int)} }

func (c fake) Validate() error {
	if c.fault == "invalid" {
		return errors.New("fault: must not be invalid")
	}
	return nil
}

func (c fake) Needs() policy.Needs {
	*c.asked++
	n := policy.Needs{Signals: []policy.Signal{{Name: policy.InFlight}}, Seconds: c.fault == "lowers on unknown seconds"}
	switch c.fault {
	case "other needs each time":
		n.Signals[0].Window = time.Duration(*c.asked)
	case "lowers on silent pods", "keeps the pods", "panics on a pod without containers":
		n.Pods = []policy.PodSignal{{Resource: "cpu"}}
	}
	return n
}

func (c fake) New(time.Time, int) policy.Policy {
	*c.shared = 0
	p := &fakePolicy{fake: c}
	if c.fault == "no saver" {
		return struct{ policy.Policy }{p}
	}
	return p
}

type fakePolicy struct {
	fake
	fakeMemory
	own  []policy.Step
	pods []policy.Pod
}

type fakeMemory struct {
	V        int
	Last     float64          // load
	Readings []policy.Reading `json:",omitempty"`
	Steps    []policy.Step    `json:",omitempty"`
}

var sink any

// last returns the load before, from where the policy keeps it, and keeps load.
func (p *fakePolicy) last(o policy.Observation) (last float64) {
	load := o.Readings[0].Value
	switch p.fault {
	case "memory shared between targets":
		last, *p.shared = *p.shared, load
	case "keeps the readings":
		if p.Readings != nil {
			last = p.Readings[0].Value
		}
		p.Readings = o.Readings
	case "keeps the steps":
		if p.Steps != nil {
			last = p.Steps[0].Have
		}
	default:
		last, p.Last = p.Last, load
	}
	return last
}

func (p *fakePolicy) Decide(o policy.Observation) policy.Decision {
	r := o.Readings[0]
	silent := func(q policy.Quality) bool { return r.Quality == q && p.fault != "lowers on "+q.String() }
	unknown := len(o.Seconds) > 0 && !o.Seconds[len(o.Seconds)-1].Known && p.fault != "lowers on unknown seconds"
	if silent(policy.Missing) || silent(policy.Stale) || silent(policy.Failed) || silent(policy.Partial) || r.Quality > policy.Partial ||
		(math.IsNaN(r.Value) || math.IsInf(r.Value, 0)) && p.fault != "lowers on no number" || unknown || podsSilent(o.Pods) && p.fault != "lowers on silent pods" || o.ReadyFailed && p.fault != "lowers on an unknown count" {
		return o.Hold("silent", p.Last)
	}
	if p.fault == "panics on a negative load" && r.Value < 0 {
		panic("negative")
	}
	if p.fault == "cannot save what is infinite" && r.Value > 1e300 {
		p.Last = math.Inf(1)
		return o.Hold("huge")
	}
	x := math.Ceil(max(r.Value, p.last(o)) / 10)
	n := int(x)
	if p.fault != "unguarded conversion" && !(x >= 0 && x <= math.MaxInt32) {
		n = 0
	}
	switch p.fault {
	case "random":
		n += rand.IntN(2)
	case "map order":
		for k := range map[int]bool{0: true, 1: true, 2: true} {
			n += k
			break
		}
	case "wall clock":
		n += int(time.Now().UnixNano()>>4) & 3
	case "negative count":
		n--
	case "less for more":
		if r.Value > 200 {
			n = 20 - min(n/10, 20)
		}
	}
	for _, pod := range p.pods { // of the last call
		n += int(min(max(pod.Usage.Milli, 0), 1000))
	}
	switch p.fault {
	case "keeps the pods":
		p.pods = o.Pods[0]
	case "panics on a pod without containers":
		for _, pod := range o.Pods[0] {
			_ = pod.Containers[0]
		}
	}
	reason := policy.Reason("ratio")
	if p.fault == "allocates" {
		sink = make([]byte, 8)
	}
	if p.fault == "no reason" {
		reason = ""
	}
	d := o.Propose(reason, n, r.Value)
	switch p.fault {
	case "lies about From":
		d.Steps[0].From++
	case "forgets a step":
		d.Replicas++
	case "no step":
		d.Steps = nil
	case "a hold with another count":
		d.Verdict = policy.Hold
	case "steps in its own buffer":
		p.own = append(p.own[:0], d.Steps...)
		d.Steps = p.own
	case "keeps the steps":
		p.Steps = d.Steps
	}
	return d
}

func (p *fakePolicy) Value(_ policy.Observation, n int) float64 {
	v := min(1, float64(n)/8)
	switch p.fault {
	case "worth less for more":
		v = 1 - v
	case "worth nothing to begin with":
		v = min(1, float64(n/4))
	case "worth two":
		v *= 2
	case "valuing changes the memory":
		p.Last += 100
	}
	return v
}

func (p *fakePolicy) AppendState(dst []byte) []byte {
	m := p.fakeMemory
	m.V = 1
	switch p.fault {
	case "memory shared between targets":
		m.Last = *p.shared
	case "forgets its memory":
		m.Last = 0
	case "AppendState changes the memory":
		p.Last++
	}
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return append(dst, raw...)
}

func (p *fakePolicy) Restore(state []byte) error {
	var m fakeMemory
	if err := json.Unmarshal(state, &m); err != nil {
		if p.fault == "accepts what is cut off" {
			return nil
		}
		return err
	}
	if p.fault == "half restored" {
		p.Last = m.Last
	}
	if m.V != 1 && p.fault != "accepts any version" {
		return errors.New("another version")
	}
	p.fakeMemory, *p.shared = m, m.Last
	p.V = 0
	return nil
}

// Each fault breaks the law that forbids it, and no law that it does not.
func TestBroken(t *testing.T) {
	// What decides differently each time cannot be compared with itself.
	unsteady := []Law{Deterministic, Isolated, Borrowed, Saved, Monotone, Valued}
	for fault, want := range map[string][]Law{
		"":                                   nil,
		"invalid":                            {Valid},
		"other needs each time":              {Valid},
		"random":                             unsteady,
		"map order":                          unsteady,
		"wall clock":                         unsteady,
		"memory shared between targets":      {Isolated, Saved},
		"keeps the readings":                 {Borrowed},
		"keeps the steps":                    {Borrowed},
		"steps in its own buffer":            {Borrowed},
		"lies about From":                    {Steps, Hostile},
		"forgets a step":                     {Steps, Hostile},
		"no step":                            {Steps, Hostile},
		"no reason":                          {Steps, Hostile},
		"a hold with another count":          {Steps, Hostile},
		"negative count":                     {Bounds, Hostile},
		"unguarded conversion":               {Hostile},
		"panics on a pod without containers": {Hostile},
		"keeps the pods":                     {Borrowed, Saved},
		"lowers on silent pods":              {Silence},
		"panics on a negative load":          {Hostile},
		"lowers on no number":                {Hostile, Silence, Saved},
		"cannot save what is infinite":       {Hostile},
		"lowers on missing":                  {Silence},
		"lowers on stale":                    {Silence},
		"lowers on failed":                   {Silence},
		"lowers on partial":                  {Silence},
		"lowers on an unknown count":         {Silence},
		"lowers on unknown seconds":          {Silence},
		"no saver":                           {Saved},
		"forgets its memory":                 {Saved},
		"half restored":                      {Saved},
		"accepts what is cut off":            {Saved},
		"accepts any version":                {Saved},
		"AppendState changes the memory":     {Saved},
		"less for more":                      {Monotone},
		"worth less for more":                {Valued},
		"worth nothing to begin with":        {Valued},
		"worth two":                          {Valued},
		"valuing changes the memory":         {Valued},
		"allocates":                          {NoAllocation},
	} {
		t.Run("fault="+fault, func(t *testing.T) {
			require.Equal(t, want, broken(t, newFake(fault), Options{}))
		})
	}
}

// broken returns the laws that c breaks.
func broken(t *testing.T, c policy.Config, o Options) (laws []Law) {
	for _, l := range Laws() {
		err := Check(l, c, o)
		var v *Violation
		if err != nil {
			require.ErrorAs(t, err, &v)
			t.Log(err)
			if !slices.Contains(laws, v.Law) {
				laws = append(laws, v.Law)
			}
		}
	}
	return laws
}

func TestDeclaredBounds(t *testing.T) {
	require.Equal(t, []Law{Bounds, Hostile}, broken(t, newFake(""), Options{Max: 30}))
	require.Equal(t, []Law{Bounds, Hostile}, broken(t, newFake(""), Options{Min: 1}))
	bounded := policy.Bound{Min: 1, Max: 30, Of: newFake("")}
	require.Empty(t, broken(t, bounded, Options{Min: 1, Max: 30}))
	require.Equal(t, []Law{Silence}, broken(t, bounded, Options{}), "undeclared, the maximum looks like a fall in silence")
}

func TestExemptions(t *testing.T) {
	require.NoError(t, exercised(*trialOf(Silence), newFake("lowers on missing"), Options{}))
	require.EqualError(t, exercised(*trialOf(Silence), newFake(""), Options{}),
		`policytest: exempt from law "silence", but it was never broken`)
}

func TestViolationTellsTheStory(t *testing.T) {
	err := Check(Silence, newFake("lowers on missing"), Options{})
	var v *Violation
	require.ErrorAs(t, err, &v)
	require.LessOrEqual(t, v.Tick, 2, "left out what is not needed")
	require.Contains(t, v.Error(), "lowered to 0")
	require.Contains(t, v.Error(), "missing 0 -> 0 (propose); ratio")
}

// A law without an occasion says so instead of passing.
func TestRare(t *testing.T) {
	require.EqualError(t, Check(Monotone, blind{newFake("")}, Options{}),
		`policytest: law "monotone" was put to the test only 0 times in 100 timelines`)
	require.EqualError(t, Check("no such law", newFake(""), Options{}), `policytest: no law "no such law"`)
}

// blind reads nothing, so nothing it reads can be larger.
type blind struct{ fake }

func (blind) Needs() policy.Needs                         { return policy.Needs{} }
func (blind) New(time.Time, int) policy.Policy            { return blind{} }
func (blind) Decide(o policy.Observation) policy.Decision { return o.Hold("blind") }

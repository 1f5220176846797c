package coordinator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// explained plans for two replicas of "bad" under a policy with these loads, a
// tick of two seconds each, and explains.
func explained(t *testing.T, c policy.Config, loads ...float64) coordinator.Explained {
	p, s := twoModels(t, c)
	for i, load := range loads {
		s.Now = sec(float64(2 * i))
		s.Samples = []coordinator.Sample{sampleOf("bad", policy.InFlight, s.Now, load)}
		p.Plan(s)
	}
	before := string(p.AppendState(nil))
	e, err := p.Explain("bad")
	require.NoError(t, err)
	require.Equal(t, before, string(p.AppendState(nil)), "explaining changes nothing")
	return e
}

func sampleOf(model, name string, at time.Time, v float64) coordinator.Sample {
	return coordinator.Sample{
		Series: coordinator.Series{Target: coordinator.TargetID{Name: model}, Name: name}, Value: v, At: at, Quality: policy.OK,
	}
}

func TestWhatWouldChangeIt(t *testing.T) {
	load := policy.Signal{Name: policy.InFlight}
	tell := func(e coordinator.Explained) (all []string) {
		for _, w := range e.WhatIfs {
			all = append(all, w.String())
		}
		return all
	}
	plain := policy.Track{Signal: load, Value: 10, Tolerance: 0.1}
	require.Equal(t, []string{"3 if in_flight were 22", "1 if in_flight were 10"}, tell(explained(t, plain, 20, 20)))
	lag := policy.SeldonLag{Min: 1, Max: 9, LagThreshold: 30, Period: 20 * time.Second, Inactive: time.Hour}
	require.Equal(t, []string{"3 if in_flight were 60 for 16s"}, tell(explained(t, lag, 20, 20)))
	slow := policy.Stabilize{Down: time.Minute, Of: plain}
	require.Equal(t, []string{"3 if in_flight were 22", "1 if in_flight were 10 for 58s"}, tell(explained(t, slow, 20, 20)))
	require.Equal(t, []string{"12 if max were 12", "2 if in_flight were 18"}, tell(explained(t, plain, 20, 120)))
	require.Empty(t, tell(explained(t, always{N: 2}, 20, 20)), "no saver, no copy")
}

// What is told of a model is what the plan did, and what it did before.
func TestExplain(t *testing.T) {
	e := explained(t, policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 10}, 20, 45, 45, 20, 20)
	require.Equal(t, "bad", e.Model)
	require.Equal(t, []policy.Signal{{Name: policy.InFlight}}, e.Signals)
	require.Equal(t, 20.0, e.Readings[0].Value)
	require.Equal(t, []string{"2: within tolerance", "5: target ratio 2->5", "5: within tolerance"}, texts(e.History))
	require.Equal(t, sec(2), e.History[1].At)
	require.Equal(t, 45.0, e.History[1].Readings[0].Value)
	require.Equal(t, [2]int{0, 9}, [2]int{e.Min, e.Max})

	p, s := twoModels(t, always{N: 7})
	_, err := p.Explain("bad")
	require.EqualError(t, err, `coordinator: explain: model "bad" is in no plan yet`)
	_, err = p.Explain("good-bye")
	require.EqualError(t, err, `coordinator: explain: no model "good-bye" is declared`)
	require.NoError(t, p.Freeze(coordinator.TargetID{Name: "bad"}, sec(9)))
	for i := range 40 {
		s.Now = sec(float64(i))
		p.Plan(s)
	}
	e, err = p.Explain("bad")
	require.NoError(t, err)
	require.Zero(t, e.Frozen)
	require.Equal(t, []string{"2: always 2->7; frozen 7->2", "7: always 2->7"}, texts(e.History), "the rest changed nothing")
	require.NotEmpty(t, e.Later, "loads that wait for servers")
}

// As many decisions are kept as History says, the latest ones.
func TestHistoryIsBounded(t *testing.T) {
	p, err := coordinator.NewPlanner(worlds["one"], coordinator.PlannerOptions{History: 3})
	require.NoError(t, err)
	for i := range 10 {
		s := coordinator.Snapshot{Now: sec(float64(i)), World: coordinator.World{Groups: []coordinator.GroupState{{Name: "gpu"}}}}
		s.Samples = []coordinator.Sample{sampleOf("llama", policy.InFlight, s.Now, float64(4+4*(i%2)))}
		p.Plan(s)
	}
	e, err := p.Explain("llama")
	require.NoError(t, err)
	require.Equal(t, []string{"4: target ratio 2->4", "2: target ratio 4->2", "4: target ratio 2->4"}, texts(e.History))
	_, err = coordinator.NewPlanner(worlds["one"], coordinator.PlannerOptions{History: -1})
	require.ErrorContains(t, err, "History")
}

func texts[T fmt.Stringer](list []T) (all []string) {
	for _, x := range list {
		all = append(all, x.String())
	}
	return all
}

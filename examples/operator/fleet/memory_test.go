package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/operator/fleet"
	"github.com/bellows-go/bellows/policy"
)

// planned is a planner of n models on some groups, most on the first, after some plans.
// Each group is named as the one before it and ".1".
func planned(t testing.TB, n, groups, plans int) (p *coordinator.Planner, at time.Time, names []string) {
	t.Helper()
	var d coordinator.Declarations
	w := coordinator.World{}
	for g := range groups {
		name := "g0" + strings.Repeat(".1", g)
		d.Groups = append(d.Groups, coordinator.ServerGroup{Name: name, Capacity: coordinator.Resources{"memory": 100}, Max: n})
		w.Groups, names = append(w.Groups, coordinator.GroupState{Name: name, Version: "1"}), append(names, name)
	}
	signal := policy.Signal{Name: policy.InFlight, Stat: policy.Mean, Window: time.Minute}
	for i := range n {
		group := names[0]
		if i < groups {
			group = names[i]
		}
		d.Models = append(d.Models, coordinator.Model{
			Name: fmt.Sprintf("model-%04d", i), Group: group, Needs: coordinator.Resources{"memory": 10}, Max: 3,
			Policy: policy.Stabilize{Down: 5 * time.Minute, Of: policy.Track{Signal: signal, Value: 4, Tolerance: 0.1}},
		})
	}
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	at = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range plans {
		at = at.Add(2 * time.Second)
		s := coordinator.Snapshot{Now: at, World: w}
		for _, series := range p.Wants() {
			s.Samples = append(s.Samples, coordinator.Sample{Series: series, Value: float64(random.IntN(12)), At: at, Quality: policy.OK, Origin: "http://router 10.0.0.1"})
		}
		p.Plan(s)
	}
	return p, at, names
}

func anew(t testing.TB, p *coordinator.Planner) *coordinator.Planner {
	t.Helper()
	next, err := coordinator.NewPlanner(p.Declarations(), coordinator.PlannerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// What is saved of 2,000 models is below the limit in each ConfigMap, and comes
// back byte for byte.
func TestMemorySize(t *testing.T) {
	p, at, names := planned(t, 2000, 1, 40)
	api := fake.NewClientBuilder().Build()
	m := &fleet.Memory{API: api, Namespace: "s", Prefix: "group.ns."}
	if restored, refused, err := m.Load(t.Context(), anew(t, p), names); restored || refused != nil || err != nil {
		t.Fatalf("from nothing: %v, %v, %v", restored, refused, err)
	}
	if err := m.Save(t.Context(), p, at, names); err != nil {
		t.Fatal(err)
	}
	total := 0
	for name, n := range m.Sizes() {
		total += n
		if n > fleet.MaxFile {
			t.Errorf("%s has %d bytes", name, n)
		}
	}
	t.Logf("2,000 models of one group: %d bytes in %v", total, m.Sizes())
	next := anew(t, p)
	m = &fleet.Memory{API: api, Namespace: "s", Prefix: "group.ns."}
	if restored, refused, err := m.Load(t.Context(), next, names); !restored || refused != nil || err != nil {
		t.Fatalf("restored %v, %v, %v", restored, refused, err)
	}
	if !bytes.Equal(next.AppendState(nil), p.AppendState(nil)) {
		t.Error("what comes back is not what was saved")
	}
}

// A save that is cut short between two ConfigMaps leaves the state before, whole.
func TestMemoryCutShort(t *testing.T) {
	p, at, names := planned(t, 20, 2, 10)
	writes, fail := 0, 0
	lost := errors.New("lost")
	api := interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		Update: func(ctx context.Context, c client.WithWatch, x client.Object, o ...client.UpdateOption) error {
			if writes++; writes == fail {
				return lost
			}
			return c.Update(ctx, x, o...)
		},
	})
	m := &fleet.Memory{API: api, Namespace: "s", Prefix: "group.ns."}
	load := func() *coordinator.Planner {
		next := anew(t, p)
		other := &fleet.Memory{API: api, Namespace: "s", Prefix: "group.ns."}
		if restored, refused, err := other.Load(t.Context(), next, names); !restored || refused != nil || err != nil {
			t.Fatalf("restored %v, %v, %v", restored, refused, err)
		}
		return next
	}
	if _, _, err := m.Load(t.Context(), anew(t, p), names); err != nil {
		t.Fatal(err)
	}
	if err := m.Save(t.Context(), p, at, names); err != nil {
		t.Fatal(err)
	}
	before := p.AppendState(nil)
	p.Plan(coordinator.Snapshot{Now: at.Add(time.Second), World: coordinator.World{Unseen: names}})
	after := p.AppendState(nil)
	fail = writes + 2 // the second of the two
	if err := m.Save(t.Context(), p, at.Add(time.Second), names); !errors.Is(err, lost) {
		t.Fatalf("the save is not cut short: %v", err)
	}
	if !bytes.Equal(load().AppendState(nil), before) {
		t.Error("what comes back is not the state before the save that was cut short")
	}
	if err := m.Save(t.Context(), p, at.Add(time.Second), names); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(load().AppendState(nil), after) {
		t.Error("what comes back is not the state that was saved at the second try")
	}
}

// scattered gives samples that do not compress, so that a state is large.
func scattered(p *coordinator.Planner, at time.Time, n int, names []string) {
	random := rand.New(rand.NewPCG(3, 4))
	w := coordinator.World{Unseen: names}
	for i := range n {
		s := coordinator.Snapshot{Now: at.Add(time.Duration(i+1) * time.Second), World: w}
		for _, series := range p.Wants() {
			s.Samples = append(s.Samples, coordinator.Sample{Series: series, Value: random.Float64(), At: s.Now, Quality: policy.OK, Origin: "r"})
		}
		p.Plan(s)
	}
}

// A state that grows beyond one ConfigMap, and falls below again, comes back at each
// step: whoever takes over meanwhile, and wherever the writing ended. No two groups
// share a ConfigMap.
func TestMemoryGrows(t *testing.T) {
	small, at, names := planned(t, 2000, 2, 1)
	large := anew(t, small)
	scattered(large, at, 30, names)
	var failing string
	lost := errors.New("lost")
	unless := func(x client.Object, write func() error) error {
		if x.GetName() == failing {
			return lost
		}
		return write()
	}
	api := interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, x client.Object, o ...client.CreateOption) error {
			return unless(x, func() error { return c.Create(ctx, x, o...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, x client.Object, o ...client.UpdateOption) error {
			return unless(x, func() error { return c.Update(ctx, x, o...) })
		},
	})
	open := func() (*fleet.Memory, []byte) {
		t.Helper()
		m, next := &fleet.Memory{API: api, Namespace: "s", Prefix: "p."}, anew(t, small)
		if _, refused, err := m.Load(t.Context(), next, names); refused != nil || err != nil {
			t.Fatal(refused, err)
		}
		return m, next.AppendState(nil)
	}
	files := func() (n int) {
		t.Helper()
		var list corev1.ConfigMapList
		if err := api.List(t.Context(), &list); err != nil {
			t.Fatal(err)
		}
		return len(list.Items)
	}
	m, _ := open()
	last := small
	for i, step := range []struct {
		p     *coordinator.Planner
		fails string
		want  *coordinator.Planner
	}{
		{small, "", small},
		{large, "1.p.g0", small},
		{large, "p.g0", small},
		{large, "", large},
		{small, "", small},
		{small, "", small},
		{large, "", large},
		{small, "p.g0", large},
		{small, "", small},
		{small, "", small},
	} {
		failing = step.fails
		at = at.Add(time.Hour)
		err := m.Save(t.Context(), step.p, at, names)
		if step.fails == "" && err != nil || step.fails != "" && !errors.Is(err, lost) {
			t.Fatalf("step %d: %v", i, err)
		}
		failing = ""
		for name, n := range m.Sizes() {
			if n > fleet.MaxFile {
				t.Errorf("step %d: %s has %d bytes", i, name, n)
			}
		}
		var state []byte
		if m, state = open(); !bytes.Equal(state, step.want.AppendState(nil)) {
			t.Errorf("step %d: what comes back is not what was saved", i)
		}
		wide := step.p == large || last == large // that of the state before is kept, too
		if step.fails == "" && wide != (files() > len(names)) {
			t.Errorf("step %d: %d ConfigMaps", i, files())
		}
		last = step.want
	}
}

// A ConfigMap that a user deletes is written anew once its version is read anew.
func TestMemoryDeleted(t *testing.T) {
	p, at, names := planned(t, 2, 1, 3)
	api := fake.NewClientBuilder().Build()
	m := &fleet.Memory{API: api, Namespace: "s", Prefix: "p."}
	save := func() error { return m.Save(t.Context(), p, at, names) }
	if err := save(); err != nil { // without Load
		t.Fatal(err)
	}
	if err := api.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "s", Name: "p.g0"}}); err != nil {
		t.Fatal(err)
	}
	if err := save(); !apierrors.IsNotFound(err) {
		t.Errorf("deleted: %v", err)
	}
	if err := errors.Join(m.Refresh(t.Context()), save()); err != nil {
		t.Error(err)
	}
}

// Who writes on what another has written since is refused.
func TestMemoryConflict(t *testing.T) {
	p, at, names := planned(t, 2, 1, 3)
	api := fake.NewClientBuilder().Build()
	old, next := &fleet.Memory{API: api, Namespace: "s", Prefix: "p."}, &fleet.Memory{API: api, Namespace: "s", Prefix: "p."}
	for _, m := range []*fleet.Memory{old, next} {
		if _, _, err := m.Load(t.Context(), anew(t, p), names); err != nil {
			t.Fatal(err)
		}
	}
	if err := next.Save(t.Context(), p, at, names); err != nil {
		t.Fatal(err)
	}
	if err := old.Save(t.Context(), p, at, names); !apierrors.IsAlreadyExists(err) && !apierrors.IsConflict(err) {
		t.Errorf("the older leader's write: %v", err)
	}
	if err := next.Save(t.Context(), p, at, names); err != nil {
		t.Errorf("the later leader's second write: %v", err)
	}
	var list corev1.ConfigMapList
	if err := next.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := api.List(t.Context(), &list); err != nil || len(list.Items) != 0 {
		t.Errorf("forgotten, and there are %d ConfigMaps, %v", len(list.Items), err)
	}
}

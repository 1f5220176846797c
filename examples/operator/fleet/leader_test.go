package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/operator/fleet"
	"github.com/bellows-go/bellows/examples/operator/internal/kubetest"
	"github.com/bellows-go/bellows/examples/operator/kube"
	"github.com/bellows-go/bellows/policy"
)

func everything(string) bool { return true }

// leading waits until the one of two operators leads a unit to whom it belongs, and
// returns it first.
func (r *rig) leading(unit string, a, b *operator) (leader, other *operator, epoch uint64) {
	r.Helper()
	key := r.ns + "/" + unit
	leader, other = a, b
	if fleet.Owner([]string{a.Identity, b.Identity}, key) == b.Identity {
		leader, other = b, a
	}
	r.eventually(time.Minute, func(context.Context) string {
		var ok bool
		if epoch, ok = leader.Leads()[key]; !ok {
			return fmt.Sprintf("%s does not lead %s; the other: %v", leader.Identity, key, other.Leads())
		}
		return ""
	})
	return leader, other, epoch
}

// A leader dies in the middle of a plan: servers are ordered, some replicas are
// loaded and others not. The next one knows what was decided, finishes it and takes
// nothing away.
func TestKilledInMidPlan(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	gpu := r.servers("gpu", 1, 6)
	r.model("llama", "gpu", "60Gi", 1, 6)
	r.router.load(map[string]uint64{"llama": 1})
	a, b := r.operate("a", settings{}), r.operate("b", settings{})
	leader, next, epoch := r.leading("group.gpu", a, b)
	r.eventually(time.Minute, func(ctx context.Context) string {
		return r.is(ctx, map[string]int{"llama": 1}, map[kube.Ref]int{gpu: 1})
	})

	// It dies when it is about to place the second of the new replicas: it reaches
	// nothing from then on.
	var loads atomic.Int32
	leader.proxy.SetFault(func(req *http.Request) kubetest.Fault {
		if req.Method == http.MethodPatch && kubetest.Resource(req.URL.Path) == "pods" && strings.Contains(string(replay(req)), "placement") && loads.Add(1) == 2 {
			leader.proxy.Cut(everything)
			return kubetest.Refused
		}
		return kubetest.None
	})
	before := len(next.since(0))
	r.router.load(map[string]uint64{"llama": 20})
	r.eventually(time.Minute, func(context.Context) string {
		if loads.Load() < 2 {
			return "the leader is not in the middle of its plan"
		}
		return ""
	})
	leader.kill()
	if n := r.serving(ctx, "llama"); n >= 5 {
		t.Fatalf("the plan was finished: %d serve", n)
	}
	ordered := r.replicas(ctx, gpu)

	r.eventually(time.Minute, func(ctx context.Context) string {
		return r.is(ctx, map[string]int{"llama": 5}, map[kube.Ref]int{gpu: 5})
	})
	passes := next.since(before)
	if len(passes) == 0 {
		t.Fatal("the next leader made no pass")
	}
	if p := passes[0]; p.Epoch != epoch+1 || len(p.Plan.Models) != 1 || p.Plan.Models[0].Was != 5 {
		t.Errorf("the first pass of the next leader, epoch %d after %d, started from %+v: it does not know the 5 that were decided", p.Epoch, epoch, p.Plan.Models)
	}
	for _, p := range passes {
		for i, x := range p.Plan.Now {
			down := x.Kind == coordinator.Unroute || x.Kind == coordinator.Unload || x.Kind == coordinator.ScaleGroup && x.Replicas < ordered
			if down {
				t.Errorf("the next leader planned %v (%v) before it had finished: %v", x, x.Why, p.ApplyErrs[i])
			}
		}
	}
}

// Two leaders act at once, since the older one does not know that it is deposed.
// Nothing that it sends is done, whatever it sends and however often.
func TestTwoLeaders(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	gpu := r.servers("gpu", 2, 6)
	r.model("llama", "gpu", "60Gi", 2, 6)
	r.router.load(map[string]uint64{"llama": 8})
	a, b := r.operate("a", settings{}), r.operate("b", settings{})
	leader, next, epoch := r.leading("group.gpu", a, b)
	settled := func(ctx context.Context) string {
		return r.is(ctx, map[string]int{"llama": 2}, map[kube.Ref]int{gpu: 2})
	}
	r.eventually(time.Minute, settled)
	r.idle(leader)

	// A planner and an actuator of the epoch that is about to end, and of which
	// nobody asks whether they lead.
	group := kube.Group{Name: "gpu", Workload: gpu, Removal: coordinator.Ordinal}
	stale, err := kube.New(kube.Options{Cache: r.API, API: r.API, Groups: []kube.Group{group}})
	r.must(err)
	planner, err := coordinator.NewPlanner(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Removal: coordinator.Ordinal, Min: 0, Max: 6, Capacity: coordinator.Resources{"memory": 80 << 30}}},
		Models: []coordinator.Model{{
			Name: "llama", Group: "gpu", Needs: coordinator.Resources{"memory": 60 << 30}, Min: 0, Max: 6,
			Policy: policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 4, Tolerance: 0.1},
		}},
	}, coordinator.PlannerOptions{Epoch: epoch})
	r.must(err)

	mend := leader.proxy.Cut(everything)
	r.eventually(time.Minute, func(context.Context) string {
		if next.Leads()[r.ns+"/group.gpu"] != epoch+1 {
			return fmt.Sprintf("the other does not lead: %v", next.Leads())
		}
		return ""
	})
	r.idle(next)
	before := r.versions(ctx, gpu)
	refused := 0
	now := time.Now()
	for range 5 { // it believes that nobody wants anything
		w, err := stale.Observe(ctx)
		r.must(err)
		now = now.Add(time.Minute)
		plan := planner.Plan(coordinator.Snapshot{Now: now, World: w, Samples: []coordinator.Sample{{
			Series: coordinator.Series{Target: coordinator.TargetID{Name: "llama"}, Name: policy.InFlight}, At: now, Quality: policy.OK,
		}}})
		for _, x := range plan.Now {
			if err := stale.Apply(ctx, x); !errors.Is(err, coordinator.ErrFenced) {
				t.Errorf("%v of the stale leader: %v", x, err)
			}
			refused++
		}
	}
	if refused == 0 {
		t.Error("the stale leader wanted nothing")
	}
	for _, x := range []coordinator.Action{
		{Kind: coordinator.ScaleGroup, Replicas: 1},
		{Kind: coordinator.ScaleGroup, Replicas: 6},
		{Kind: coordinator.Load, Server: "gpu-0", Model: "other"},
		{Kind: coordinator.Unroute, Server: "gpu-0", Model: "llama"},
		{Kind: coordinator.Unload, Server: "gpu-1", Model: "llama"},
		{Kind: coordinator.Route, Server: "gpu-1", Model: "llama"},
	} {
		x.Group, x.Epoch, x.Generation, x.ID = "gpu", epoch, 1<<40, x.String()
		if err := stale.Apply(ctx, x); !errors.Is(err, coordinator.ErrFenced) {
			t.Errorf("%v of the stale leader, for any version: %v", x, err)
		}
	}
	if after := r.versions(ctx, gpu); after != before {
		t.Errorf("the stale leader changed something: from\n%s to\n%s", before, after)
	}
	if what := settled(ctx); what != "" {
		t.Error(what)
	}

	// The one that was cut off comes back and sees that it leads no more.
	mend()
	r.eventually(time.Minute, func(context.Context) string {
		mine, others := len(leader.Leads()), len(next.Leads())
		if mine+others != 1 {
			return fmt.Sprintf("%d and %d units are led", mine, others)
		}
		return ""
	})
	r.eventually(time.Minute, settled)
}

// idle waits until a leader's passes want and save nothing.
func (r *rig) idle(o *operator) {
	r.Helper()
	r.eventually(time.Minute, func(context.Context) string {
		passes := o.since(max(0, len(o.since(0))-3))
		for _, p := range passes {
			if len(p.Plan.Now) > 0 || p.Saved {
				return fmt.Sprintf("it still does %v", p.Plan.Now)
			}
		}
		if len(passes) < 3 {
			return "it has made no passes"
		}
		return ""
	})
}

// versions are what a workload and the pods of the namespace are told.
func (r *rig) versions(ctx context.Context, w kube.Ref) string {
	n, err := replicas(ctx, r.API, w)
	r.must(err)
	text := fmt.Sprintln(w.NamespacedName.Name, n)
	var list corev1.PodList
	r.must(r.API.List(ctx, &list, client.InNamespace(r.ns)))
	for i := range list.Items {
		text += fmt.Sprintln(list.Items[i].Name, list.Items[i].ResourceVersion)
	}
	return text
}

// Units are spread over the replicas of the operator, each led by exactly one;
// when one dies only its own move.
func TestShards(t *testing.T) {
	r := newRig(t)
	const groups = 12
	models := map[string]int{}
	load := map[string]uint64{}
	for i := range groups {
		name := fmt.Sprintf("g%02d", i)
		r.servers(name, 1, 3)
		r.model("m-"+name, name, "60Gi", 1, 3)
		models["m-"+name], load["m-"+name] = 2, 8
	}
	r.router.load(load)
	all := []*operator{r.operate("a", settings{}), r.operate("b", settings{}), r.operate("c", settings{})}
	led := func(live []*operator) (by map[string]int, what string) {
		by = map[string]int{}
		var identities []string
		for _, o := range live {
			identities = append(identities, o.Identity)
		}
		for i, o := range live {
			for unit := range o.Leads() {
				if owner := fleet.Owner(identities, unit); owner != o.Identity {
					return by, fmt.Sprintf("%s is led by %s, not by %s", unit, o.Identity, owner)
				}
				if j, twice := by[unit]; twice {
					return by, fmt.Sprintf("%s is led by %d and %d", unit, i, j)
				}
				by[unit] = i
			}
		}
		if len(by) != groups {
			return by, fmt.Sprintf("%d of %d units are led", len(by), groups)
		}
		return by, ""
	}
	settled := func(ctx context.Context) string {
		if _, what := led(all); what != "" {
			return what
		}
		return r.is(ctx, models, nil)
	}
	r.eventually(2*time.Minute, settled)
	before, _ := led(all)
	dead := all[before[r.ns+"/group.g00"]]
	dead.kill()
	var live []*operator
	for _, o := range all {
		if o != dead {
			live = append(live, o)
		}
	}
	r.eventually(time.Minute, func(context.Context) string {
		_, what := led(live)
		return what
	})
	after, _ := led(live)
	moved := 0
	for unit, i := range after {
		was := all[before[unit]]
		if was != live[i] {
			moved++
		}
		if was != dead && was != live[i] {
			t.Errorf("%s moved from %s to %s, though its leader lives", unit, was.Identity, live[i].Identity)
		}
	}
	t.Logf("%d of %d units moved", moved, groups)
	all = live
	r.eventually(time.Minute, settled)
}

package fleet_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bellows-go/bellows/examples/operator/fleet"
	"github.com/bellows-go/bellows/examples/operator/kube"
)

// 2,000 models on 200 servers, by one replica of the operator: how long a pass
// takes, how many calls it makes, and how large the memory is. When nothing
// changes, a pass makes no call.
func TestTwoThousand(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	r := newRig(t)
	ctx := t.Context()
	const models, servers, groups = 2000, 200, 4
	want := map[kube.Ref]int{}
	load := map[string]uint64{}
	for g := range groups {
		name := fmt.Sprintf("g%d", g)
		w, err := r.StatefulSet(ctx, r.ns, name, servers/groups)
		r.must(err)
		want[w] = servers / groups
		r.group(name, w, servers/groups, servers/groups, "101Gi")
	}
	var all sync.WaitGroup
	made := make(chan error, models)
	for k := range 8 {
		all.Go(func() {
			for i := k; i < models; i += 8 {
				made <- r.API.Create(ctx, r.modelObject(fmt.Sprintf("m%04d", i), fmt.Sprintf("g%d", i%groups), "10Gi", 1, 1))
			}
		})
	}
	all.Wait()
	for range models {
		r.must(<-made)
	}
	for i := range models {
		load[fmt.Sprintf("m%04d", i)] = 2
	}
	r.router.load(load)
	began := time.Now()
	o := r.operate("a", settings{every: time.Second, lease: 30 * time.Second, save: 30 * time.Second})
	r.eventually(9*time.Minute, func(ctx context.Context) string {
		ready := 0
		for _, p := range lastOf(o.since(0)) {
			for _, m := range p.Plan.Models {
				if m.Ready == m.Desired && m.Ready == 1 {
					ready++
				}
			}
		}
		if ready != models {
			return fmt.Sprintf("%d of %d models serve", ready, models)
		}
		return ""
	})
	t.Logf("all serve after %v, with %v", time.Since(began), o.proxy.Counts())
	r.eventually(3*time.Minute, func(context.Context) string {
		n := len(o.since(0))
		o.proxy.Reset()
		r.passes(o, n+2*groups)
		if c := o.proxy.Counts(); c["PATCH models/status"]+c["PATCH models"]+c["PATCH servergroups/status"] > 0 {
			return fmt.Sprintf("it still writes: %v", c)
		}
		return ""
	})

	o.proxy.Reset()
	n := len(o.since(0))
	r.passes(o, n+40*groups)
	passes := o.since(n)
	counts := o.proxy.Counts()
	leases := counts["GET leases"] + counts["PUT leases"]
	saves := 0
	var took []time.Duration
	for _, p := range passes {
		took = append(took, p.Took)
		if p.Saved {
			saves++
		}
		if len(p.Plan.Now) > 0 {
			t.Errorf("nothing has changed, and the plan is %v", p.Plan.Now)
		}
	}
	slices.Sort(took)
	if len(took) == 0 {
		t.Fatal("no pass was made")
	}
	t.Logf("unchanged: %d passes of a unit of %d models and %d servers; a pass took %v, at most %v; calls: %v",
		len(passes), models/groups, servers/groups, took[len(took)/2], took[len(took)-1], counts)
	total := 0
	for _, c := range counts {
		total += c
	}
	if other := total - leases - counts["PUT configmaps"]; other != 0 || counts["PUT configmaps"] != saves {
		t.Errorf("nothing has changed, and there were %d calls beside the renewal of the lease, and %d saves: %v", other, saves, counts)
	}
	sizes := map[string]int{}
	for _, p := range o.since(0) {
		for name, n := range p.MemorySizes {
			sizes[name] = max(sizes[name], n)
		}
	}
	sum := 0
	for name, n := range sizes {
		sum += n
		if n > fleet.MaxFile {
			t.Errorf("%s has %d bytes", name, n)
		}
	}
	t.Logf("memory of %d models: %d bytes in %d ConfigMaps, at most %v", models, sum, len(sizes), sizes)
	r.changeOne(o)
}

// changeOne tells what a single change costs.
func (r *rig) changeOne(o *operator) {
	r.Helper()
	o.proxy.Reset()
	n := len(o.since(0))
	m := r.modelObject("one-more", "g0", "10Mi", 1, 1)
	r.router.load(map[string]uint64{"one-more": 2})
	r.must(r.API.Create(r.Context(), m))
	r.eventually(time.Minute, func(ctx context.Context) string {
		if r.serving(ctx, "one-more") != 1 {
			return "it does not serve"
		}
		return ""
	})
	r.Logf("one model more: serves after %d passes; calls: %v", len(o.since(n)), o.proxy.Counts())
}

// lastOf are the last passes of each unit.
func lastOf(passes []fleet.Pass) map[string]fleet.Pass {
	last := map[string]fleet.Pass{}
	for _, p := range passes {
		last[p.Unit] = p
	}
	return last
}

// passes waits until an operator has made a number of passes.
func (r *rig) passes(o *operator, n int) {
	r.Helper()
	r.eventually(3*time.Minute, func(context.Context) string {
		if have := len(o.since(0)); have < n {
			return fmt.Sprintf("%d of %d passes are made", have, n)
		}
		return ""
	})
}

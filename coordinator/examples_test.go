package coordinator_test

import (
	"context"
	"fmt"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/policy"
)

// A demo is a planner and a world in memory: each group has its Min of servers,
// each service its Min of replicas, and nothing takes time but the ticks.
type demo struct {
	*coordinator.Planner
	*coordinatortest.Fleet
	now time.Time
}

func newDemo(d coordinator.Declarations) *demo {
	x := &demo{now: time.Unix(0, 0)}
	var groups []coordinatortest.FleetGroup
	for _, g := range d.Groups {
		groups = append(groups, coordinatortest.FleetGroup{Name: g.Name, Servers: g.Min})
	}
	var models []coordinatortest.FleetModel
	for _, m := range d.Models {
		models = append(models, coordinatortest.FleetModel{Name: m.Name})
	}
	var services []coordinatortest.FleetService
	for _, s := range d.Services {
		services = append(services, coordinatortest.FleetService{Name: s.Name, Replicas: s.Min})
	}
	x.Fleet = coordinatortest.NewFleet(func() time.Time { return x.now }, groups, models, services...)
	planner, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	if err != nil {
		panic(err)
	}
	x.Planner = planner
	return x
}

// tick plans and acts once, and returns the plan.
func (x *demo) tick() coordinator.Plan {
	x.now = x.now.Add(2 * time.Second)
	s := coordinator.Snapshot{Now: x.now}
	s.World, _ = x.Observe(context.Background())
	s.Samples, _ = x.Read(context.Background(), x.Wants(), nil)
	p := x.Plan(s)
	for _, a := range p.Now {
		if err := x.Apply(context.Background(), a); err != nil {
			panic(err)
		}
	}
	return p
}

// play ticks ten times, and prints what was done and why.
func (x *demo) play() {
	for range 10 {
		for _, a := range x.tick().Now {
			fmt.Println(a, "-", a.Why.Reason)
		}
	}
}

// A rolling update: another Version. The new replica serves before the old one
// stops.
func ExampleModel_rollingUpdate() {
	d := coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Min: 1, Max: 1}},
		Models: []coordinator.Model{{Name: "llama", Version: "1", Group: "gpu", Needs: coordinator.Resources{"gib": 40}, Replicas: 1}},
	}
	fleet := newDemo(d) // a planner and a world in memory
	fleet.play()        // ticks ten times, and prints each action and its reason
	d.Models[0].Version = "2"
	if err := fleet.Update(d); err != nil {
		panic(err)
	}
	fleet.play()
	// Output:
	// load llama@1 on gpu/gpu-0000 - replica short
	// route llama@1 on gpu/gpu-0000 - replica loaded
	// load llama@2 on gpu/gpu-0000 - replica short
	// route llama@2 on gpu/gpu-0000 - replica loaded
	// unroute llama@1 on gpu/gpu-0000 - old version
	// unload llama@1 on gpu/gpu-0000 - drained
}

// A fallback group takes a model for which its own group has too little room:
// the whole of it, for a model lives on one group.
func ExampleModel_fallback() {
	d := coordinator.Declarations{
		Groups: []coordinator.ServerGroup{
			{Name: "owned", Capacity: coordinator.Resources{"gib": 80}, Min: 1, Max: 1},
			{Name: "rented", Capacity: coordinator.Resources{"gib": 80}, Max: 4},
		},
		Models: []coordinator.Model{
			{Name: "llama", Group: "owned", Fallbacks: []string{"rented"}, Needs: coordinator.Resources{"gib": 60}, Replicas: 1},
		},
	}
	fleet := newDemo(d)
	fleet.play()
	d.Models[0].Replicas = 2
	if err := fleet.Update(d); err != nil {
		panic(err)
	}
	fleet.play()
	// Output:
	// load llama on owned/owned-0000 - replica short
	// route llama on owned/owned-0000 - replica loaded
	// scale rented to 2 - no room
	// load llama on rented/rented-0000 - replica short
	// load llama on rented/rented-0001 - replica short
	// route llama on rented/rented-0000 - replica loaded
	// route llama on rented/rented-0001 - replica loaded
	// unroute llama on owned/owned-0000 - group left
	// unload llama on owned/owned-0000 - drained
}

// Two models want five replicas each, and may have six together.
func ExampleBudget() {
	track := policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 4}
	fleet := newDemo(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Min: 5, Max: 5}},
		Models: []coordinator.Model{
			{Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 40}, Min: 1, Max: 8, Policy: track, Weight: 2},
			{Name: "mistral", Group: "gpu", Needs: coordinator.Resources{"gib": 40}, Min: 1, Max: 8, Policy: track},
		},
		Budgets: []coordinator.Budget{{Name: "gpus", Limit: 6}},
	})
	fleet.Arrive("llama", 20)
	fleet.Arrive("mistral", 20)
	plan := fleet.tick()
	for _, m := range plan.Models {
		fmt.Println(m.Model, m.Decision)
	}
	b := plan.Budgets[0]
	fmt.Println(b.Budget, b.Wanted, "wanted,", b.Used, "of", b.Limit)
	// Output:
	// llama 4: target ratio 1->5; budget gpus 5->4
	// mistral 2: target ratio 1->5; budget gpus 5->2
	// gpus 10 wanted, 6 of 6
}

// A gateway is scaled and not packed: whatever runs it places its replicas.
func ExampleService() {
	fleet := newDemo(coordinator.Declarations{Services: []coordinator.Service{{
		Name: "gateway", Min: 1, Max: 8,
		Policy: policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 100, Tolerance: 0.1},
	}}})
	fleet.Arrive("gateway", 350)
	fleet.play()
	e, err := fleet.ExplainService("gateway")
	if err != nil {
		panic(err)
	}
	fmt.Println(e.Ready, "ready;", e.WhatIfs[0])
	// Output:
	// scale service gateway to 4 - count decided
	// 4 ready; 5 if in_flight were 440
}

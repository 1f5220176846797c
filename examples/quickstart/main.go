// Quickstart scales three models and their servers, in memory and in real time:
// a burst of requests comes and goes within 15 seconds. Then it explains a model.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -listen 8080 # goes on, with the debug page
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/coordinator/debug"
	"github.com/bellows-go/bellows/policy"
)

func main() {
	listen := flag.String("listen", "", "serve the debug page on this port of the loopback address, until interrupted")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()

	// The world: servers that take 2 s to boot, models that take 1 s to load.
	fleet := coordinatortest.NewFleet(nil,
		[]coordinatortest.FleetGroup{{Name: "gpu", Servers: 1, Boot: 2 * time.Second}},
		[]coordinatortest.FleetModel{{Name: "llama", Load: time.Second}, {Name: "mistral", Load: time.Second}, {Name: "whisper", Load: time.Second}})

	// What is wanted: two requests in flight per replica, down after 3 s.
	lag := policy.Stabilize{Down: 3 * time.Second, Of: policy.Track{
		Signal: policy.Signal{Name: policy.InFlight}, Value: 2, Tolerance: 0.1,
	}}
	model := func(name string, gib int64, low int) coordinator.Model {
		return coordinator.Model{Name: name, Group: "gpu", Needs: coordinator.Resources{"gib": gib}, Min: low, Max: 4, Policy: lag}
	}
	planner, err := coordinator.NewPlanner(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Min: 1, Max: 4}},
		Models: []coordinator.Model{model("llama", 40, 1), model("mistral", 30, 0), model("whisper", 10, 1)},
	}, coordinator.PlannerOptions{})
	check(err)

	began := time.Now()
	say := func(what string, args ...any) {
		fmt.Printf("%5.1fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(what, args...))
	}
	pages := debug.New(debug.Options{Title: "Quickstart"})
	loop, err := coordinator.New(planner, fleet, fleet, coordinator.Options{
		Interval: 500 * time.Millisecond,
		OnTick: func(t coordinator.Tick) {
			pages.Tick(t)
			for _, m := range t.Plan.Models {
				if m.Desired != m.Was {
					say("%-8s %d -> %d replicas   %v", m.Model, m.Was, m.Desired, m.Decision)
				}
			}
			for _, a := range t.Plan.Now {
				say("         %v   (%s)", a, a.Why.Reason)
			}
		},
	})
	check(err)

	if *listen == "" {
		ctx, cancel = context.WithTimeout(ctx, 15*time.Second)
		defer cancel()
	} else { // only this machine gets to see the pages: they tell a lot
		pages.Watch(loop)
		fmt.Printf("debug page: http://127.0.0.1:%s/\n", *listen)
		go func() { check(http.ListenAndServe("127.0.0.1:"+*listen, pages)) }()
	}

	// Requests take a second once they are served. A burst hits llama, and wakes
	// mistral from zero.
	request := func(model string) {
		fleet.Arrive(model, 1)
		for served := 0; served == 0 && ctx.Err() == nil; served = fleet.Finish(model, 1) {
			time.Sleep(time.Second)
		}
	}
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			at := time.Since(began) % (20 * time.Second)
			burst := at > 2*time.Second && at < 6*time.Second
			if burst || i%8 == 0 {
				go request("llama")
			}
			if burst && i%3 == 0 {
				go request("mistral")
			}
			time.Sleep(150 * time.Millisecond)
		}
	}()
	_ = loop.Run(ctx) // ends with ctx

	e, err := loop.Explain("llama")
	check(err)
	fmt.Println("llama in the end:", e.Decision)
	for _, w := range e.WhatIfs {
		fmt.Println("  it would be", w)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

package debug_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/coordinator/debug"
	"github.com/bellows-go/bellows/policy"
)

func ExampleNew() {
	planner, err := coordinator.NewPlanner(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Min: 1, Max: 4}},
		Models: []coordinator.Model{{
			Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 40}, Min: 1, Max: 4,
			Policy: policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 10},
		}},
	}, coordinator.PlannerOptions{})
	if err != nil {
		panic(err)
	}
	fleet := coordinatortest.NewFleet(nil, []coordinatortest.FleetGroup{{Name: "gpu", Servers: 1}}, []coordinatortest.FleetModel{{Name: "llama"}})
	pages := debug.New(debug.Options{})
	loop, err := coordinator.New(planner, fleet, fleet, coordinator.Options{OnTick: pages.Tick})
	if err != nil {
		panic(err)
	}
	pages.Watch(loop)
	mux := http.NewServeMux()
	mux.Handle("/debug/bellows/", pages) // behind your own authentication

	// Run calls OnTick by itself.
	pages.Tick(loop.Tick(context.Background()))
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/debug/bellows/model?name=llama", nil))
	fmt.Println(answer.Code, answer.Header().Get("Content-Type"))
	// Output: 200 text/html; charset=utf-8
}

package promexport_test

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/prometheus/promexport"
)

// An exporter takes the ticks of a loop, here one by hand.
func Example() {
	exporter := promexport.New(promexport.Options{})
	_ = coordinator.Options{OnTick: exporter.Tick} // for coordinator.New
	exporter.Tick(coordinator.Tick{Plan: coordinator.Plan{
		At:     time.Unix(0, 0),
		Models: []coordinator.ModelPlan{{Model: "llama", Was: 2, Desired: 3, Ready: 2, Starting: 1}},
	}})
	registry := prometheus.NewRegistry()
	registry.MustRegister(exporter)
	families, err := registry.Gather()
	if err != nil {
		panic(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "model" {
					fmt.Println(f.GetName(), l.GetValue(), m.GetGauge().GetValue())
				}
			}
		}
	}
	// Output:
	// bellows_model_readings_not_ok llama 0
	// bellows_model_replicas_desired llama 3
	// bellows_model_replicas_draining llama 0
	// bellows_model_replicas_ready llama 2
	// bellows_model_replicas_starting llama 1
	// bellows_model_unseen llama 0
}

package policytest_test

import (
	"testing"
	"time"

	"github.com/bellows-go/bellows/policy"
	"github.com/bellows-go/bellows/policy/policytest"
)

// The policies that go by whole seconds keep the laws, too.
func TestStreams(t *testing.T) {
	slo := policy.SLO{Wait: 300 * time.Millisecond, Service: 200 * time.Millisecond}
	envelope := policy.Envelope{Wait: time.Second, Window: time.Minute, Quantile: 0.9}
	for _, c := range []struct {
		name   string
		config policy.Config
		o      policytest.Options
	}{
		{"slo", slo, policytest.Options{}},
		{"slo that learns", policy.SLO{Wait: time.Second, Miss: 0.1, Variability: 0.3}, policytest.Options{}},
		{"forecast", policy.Forecast{}, policytest.Options{}},
		{"envelope", envelope, policytest.Options{}},
		{"season", policy.Season{Periods: []time.Duration{15 * time.Minute}, Gaps: true}, policytest.Options{}},
		{"backlog", policy.Backlog{Within: time.Minute, Service: 100 * time.Millisecond}, policytest.Options{}},
		{"backlog of a queue", policy.Backlog{Within: 20 * time.Second, Signal: policy.Signal{Name: "queue"}}, policytest.Options{}},
		{"all of them", policy.Bound{Min: 1, Max: 50, Of: policy.Highest{slo, envelope, policy.Forecast{}}}, policytest.Options{Min: 1, Max: 50}},
	} {
		t.Run(c.name, func(t *testing.T) { policytest.Run(t, c.config, c.o) })
	}
}

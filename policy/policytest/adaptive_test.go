package policytest_test

import (
	"testing"
	"time"

	"github.com/bellows-go/bellows/policy"
	"github.com/bellows-go/bellows/policy/policytest"
)

// Adaptive keeps the laws whether a start comes in time or not, and whatever share
// it is asked for.
func TestAdaptive(t *testing.T) {
	for _, c := range []struct {
		name   string
		config policy.Config
		o      policytest.Options
	}{
		{"adaptive", policy.Adaptive{Wait: 500 * time.Millisecond}, policytest.Options{}},
		{"adaptive in time", policy.Adaptive{Wait: time.Minute, Service: time.Second}, policytest.Options{}},
		{"adaptive within bounds", policy.Bound{Min: 2, Max: 30, Of: policy.Adaptive{Wait: 2 * time.Second, Share: 0.9}}, policytest.Options{Min: 2, Max: 30}},
	} {
		t.Run(c.name, func(t *testing.T) { policytest.Run(t, c.config, c.o) })
	}
}

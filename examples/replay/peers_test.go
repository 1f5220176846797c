package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator/sim"
	"github.com/bellows-go/bellows/policy"
)

// moment is what a peer sees.
type moment struct {
	at             int // seconds
	desired, ready int
	inFlight       float64
	want           int
	first          policy.Reason
}

// follow asks a policy at moments.
func follow(t *testing.T, c policy.Config, moments []moment) {
	t.Helper()
	require.NoError(t, c.Validate())
	start := time.Unix(1e9, 0)
	p := c.New(start, 1)
	for _, m := range moments {
		d := p.Decide(policy.Observation{
			Now: start.Add(time.Duration(m.at) * time.Second), Desired: m.desired, Current: m.desired, Ready: m.ready, Starting: max(m.desired-m.ready, 0),
			Readings: []policy.Reading{{Value: m.inFlight, Quality: policy.OK}},
		})
		require.Equal(t, m.want, d.Replicas, "%+v: %v", m, d)
		require.Equal(t, m.first, d.Steps[0].Reason, "%+v: %v", m, d)
	}
}

func TestRay(t *testing.T) {
	c := ray{Target: 2, LookBack: 30 * time.Second, Up: 30 * time.Second, Down: 10 * time.Minute, Max: 50}
	follow(t, c, []moment{
		{0, 2, 2, 4, 2, policy.WithinTolerance},
		{10, 2, 2, 40, 2, rayDelay},
		{30, 2, 2, 9, 2, rayDelay},
		{39, 2, 2, 9, 2, rayDelay},
		{40, 2, 2, 9, 5, rayRatio},  // the last, not the largest
		{42, 5, 2, 20, 5, rayDelay}, // ten of what is running; it waits anew
		{72, 5, 2, 20, 10, rayRatio},
		{74, 10, 10, 2, 10, rayDelay},
		{373, 10, 10, 20, 10, policy.WithinTolerance}, // another direction: from the beginning
		{374, 10, 10, 2, 10, rayDelay},
		{973, 10, 10, 2, 10, rayDelay},
		{974, 10, 10, 2, 1, rayRatio},
		{976, 4, 4, 0, 4, rayDelay},
		{1576, 4, 4, 0, 1, rayRatio}, // to zero only from one
		{1578, 1, 1, 0, 1, rayDelay},
		{2178, 1, 1, 0, 0, rayRatio},
		{2180, 0, 0, 0, 0, policy.WithinTolerance},
		{2182, 0, 0, 1, 1, rayRatio}, // from zero at once
		{2184, 1, 1, 1000, 1, rayDelay},
		{2214, 1, 1, 1000, 50, rayRatio}, // Max
	})
	c.Min = 3
	follow(t, c, []moment{{0, 1, 1, 0, 1, rayDelay}, {30, 1, 1, 0, 3, rayRatio}})
	require.Error(t, ray{}.Validate())
}

func TestAPA(t *testing.T) {
	c := apa{Target: 2, Window: time.Minute, Tolerance: 0.1, Rate: 2, Down: 5 * time.Minute, Max: 50}
	follow(t, c, []moment{
		{0, 4, 4, 8.7, 4, policy.WithinTolerance},
		{10, 4, 4, 9, 5, apaRatio},
		{20, 4, 4, 80, 8, apaRatio}, // twice at most
		{30, 8, 4, 80, 8, apaPending},
		{40, 8, 8, 14, 4, apaRatio},  // 7, but 4 was decided within five minutes
		{399, 8, 8, 14, 7, apaRatio}, // no more
		{410, 7, 7, 1, 3, apaRatio},  // half at most
		{420, 1, 1, 0, 1, apaRatio},  // not to zero
		{430, 0, 0, 0, 0, apaRatio},
		{440, 0, 0, 3, 1, apaRatio},
	})
	require.Error(t, apa{}.Validate())
}

// What gives no number changes nothing.
func TestPeersHoldInSilence(t *testing.T) {
	for _, p := range policies {
		info := sim.ModelInfo{MeanService: time.Second, Slots: 2, Min: 1, Max: 9}
		c := p.config(info)
		require.NoError(t, c.Validate(), p.name)
		o := policy.Observation{Now: time.Unix(1e9, 0), Desired: 5, Current: 5, Ready: 5, Readings: make([]policy.Reading, len(c.Needs().Signals))}
		require.Equal(t, 5, c.New(o.Now, 5).Decide(o).Replicas, p.name)
	}
}

// KEDA scales to zero by itself, and above one as the HPA does.
func TestKEDA(t *testing.T) {
	status, out, log := call(t, burst, "-trace", "-", "-service-cv", "0", "-start", "20s", "-warmup", "1m", "-min", "0", "-policy", "hpa-rate-70,keda", "-json")
	require.Zero(t, status, log)
	require.Contains(t, out, `"policy": "keda"`)
}

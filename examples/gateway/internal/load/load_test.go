package load

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

func TestRate(t *testing.T) {
	o := Options{Peak: 200, Wave: 10 * time.Second, Rest: 5 * time.Second, Waves: 2}
	for at, want := range map[time.Duration]float64{
		0: 0, 1500 * time.Millisecond: 100, 3 * time.Second: 200, 6 * time.Second: 200, 8500 * time.Millisecond: 100, 10 * time.Second: 0,
		12 * time.Second: 0, 16500 * time.Millisecond: 100, 20 * time.Second: 200, 29 * time.Second: 0, 31 * time.Second: 0, 34 * time.Second: 0,
	} {
		require.InDelta(t, want, o.Rate(at), 1e-9, "at %v", at)
	}
}

// Tickets come at the wanted rate, and stand still while nobody takes one.
func TestTickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clients{Options: Options{Models: []string{"a", "b"}, Peak: 100, Wave: 10 * time.Second, Waves: 1, Fragile: 0.25}, began: time.Now()}
		c.random = newRandom(1)
		n, fragile, first := 0, 0, 0
		for {
			due, model, once, ok := c.ticket()
			if !ok {
				break
			}
			<-time.After(due - time.Since(c.began))
			n++
			if once {
				fragile++
			}
			if model == "a" {
				first++
			}
		}
		require.InDelta(t, 100*(0.15+0.4+0.15)*10, n, 20, "the ramps are taken in steps")
		require.InDelta(t, 0.25, float64(fragile)/float64(n), 0.05)
		require.InDelta(t, 0.5, float64(first)/float64(n), 0.06)

		c = &clients{Options: c.Options, began: time.Now().Add(-5 * time.Second), random: newRandom(1)}
		due, _, _, _ := c.ticket()
		require.Equal(t, 5*time.Second, due, "what nobody sent in time is not sent later")
	})
}

func TestReport(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := 0 // of one worker, which never asks twice at a time
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		body, _ := io.ReadAll(r.Body)
		if strings.HasPrefix(r.Header.Get(wire.RequestID), Once) != (r.Header.Get(wire.IdempotencyKey) == "") {
			t.Errorf("request %s has the key %q", r.Header.Get(wire.RequestID), r.Header.Get(wire.IdempotencyKey))
		}
		w.Header().Set(wire.Server, "gpu-1")
		switch {
		case n == 40:
			cancel() // what is not answered then is not counted
			<-r.Context().Done()
		case n%4 == 0:
			w.Header().Set(wire.Lost, "gpu-2")
			http.Error(w, "lost", http.StatusBadGateway)
		case n%4 == 1:
			w.Header().Set(wire.Attempts, "2")
			_, _ = w.Write(body)
		case n%4 == 2:
			_, _ = io.WriteString(w, "something else") // an answer to another question is none
		default:
			_, _ = w.Write(body)
		}
	}))
	defer s.Close()
	r := Run(ctx, Options{
		URL: s.URL, Models: []string{"a"}, Peak: 1e9, Wave: time.Hour, Waves: 1, Workers: 1, Fragile: 0.5, Timeout: time.Minute, Seed: 1,
	})
	require.Equal(t, []int{39, 20, 10, 19, 20}, []int{r.Sent, r.Answered, r.Resent, len(r.Failures), len(r.Times)})
	require.Equal(t, map[string]int{"gpu-1": 20}, r.Servers)
	lost, fragile := 0, 0
	for _, f := range r.Failures {
		if f.Lost == "gpu-2" && f.Status == 502 {
			lost++
		}
		if !f.Twice {
			fragile++
		}
		require.Equal(t, !f.Twice, strings.HasPrefix(f.ID, Once))
	}
	require.Equal(t, 9, lost)
	require.Positive(t, fragile)
	require.Less(t, fragile, 19)
}

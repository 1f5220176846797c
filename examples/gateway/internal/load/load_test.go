package load

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
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
	var mu sync.Mutex
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n++
		which := n % 4
		mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		w.Header().Set(wire.Server, "gpu-1")
		switch which {
		case 0:
			w.Header().Set(wire.Lost, "gpu-2")
			http.Error(w, "lost", http.StatusBadGateway)
		case 1:
			w.Header().Set(wire.Attempts, "2")
			_, _ = w.Write(body)
		case 2:
			_, _ = io.WriteString(w, "something else") // an answer to another question is none
		default:
			require.Equal(t, strings.HasPrefix(r.Header.Get(wire.RequestID), Once), r.Header.Get(wire.IdempotencyKey) == "")
			_, _ = w.Write(body)
		}
	}))
	defer s.Close()
	r := Run(t.Context(), Options{
		URL: s.URL, Models: []string{"a"}, Peak: 1000, Wave: 200 * time.Millisecond, Waves: 1, Workers: 4, Fragile: 0.5, Timeout: 10 * time.Second, Seed: 1,
	})
	require.Equal(t, n, r.Sent)
	require.Equal(t, r.Sent, r.Answered+len(r.Failures))
	require.Greater(t, r.Sent, 10)
	require.InDelta(t, r.Sent/4, r.Resent, 1)
	require.InDelta(t, r.Sent/2, len(r.Failures), 2)
	require.Equal(t, map[string]int{"gpu-1": r.Answered}, r.Servers)
	require.Len(t, r.Times, r.Answered)
	lost := 0
	for _, f := range r.Failures {
		if f.Lost == "gpu-2" && f.Status == 502 {
			lost++
		}
		require.Equal(t, !f.Twice, strings.HasPrefix(f.ID, Once))
	}
	require.InDelta(t, r.Sent/4, lost, 1)
}

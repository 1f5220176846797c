package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// BenchmarkHall measures what a request costs between two plans, merging the
// streams of its minute included.
func BenchmarkHall(b *testing.B) {
	for _, c := range []struct{ models, servers int }{{10, 8}, {32, 8}, {10, 64}} {
		b.Run(fmt.Sprintf("models=%d,servers=%d", c.models, c.servers), func(b *testing.B) {
			const slots = 4
			h := &hall{slots: slots, memory: 1000, expect: func(int64) {}}
			waits := &histogram{}
			rng := rand.New(rand.NewPCG(1, uint64(c.models)))
			var streams []Stream
			for i := range c.models {
				t := &tenant{name: fmt.Sprint(i), index: i, size: 1, score: score{waits: waits, limit: 1e9}}
				h.tenants = append(h.tenants, t)
				mean := 180 * time.Millisecond
				rate := 0.8 * float64(c.servers*slots) / mean.Seconds() / float64(c.models)
				streams = append(streams, Stream{Requests: poisson(rng, rate, mean, time.Minute)})
			}
			for id := range c.servers {
				s := &host{id: int32(id), free: slots}
				h.hosts = append(h.hosts, s)
				for _, t := range h.tenants {
					g := &guest{tenant: t, host: s, phase: coordinator.Serving, resident: true}
					s.guests = append(s.guests, g)
					h.open(g)
				}
			}
			var arrivals []arrival
			var heap []head
			served := 0
			b.ReportAllocs()
			for b.Loop() {
				arrivals, heap = merge(arrivals[:0], heap, streams, h.tenants)
				begin := h.now
				for i := range arrivals {
					a := &arrivals[i]
					h.advance(begin + int64(a.At))
					a.Request.At += time.Duration(begin)
					h.arrive(a.tenant, a.Request)
				}
				h.advance(begin + int64(time.Minute))
				served += len(arrivals)
			}
			b.ReportMetric(float64(served)/b.Elapsed().Seconds()/1e6, "Mrequests/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

package lag_test

import (
	"fmt"
	"time"

	"github.com/bellows-go/bellows/lag"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ExampleQuantileWindow() {
	w, err := lag.NewQuantileWindow(16*time.Minute, time.Minute)
	if err != nil {
		panic(err)
	}
	for i := range 100 {
		w.Add(noon.Add(time.Duration(i)*time.Second), float64(1+i)) // latencies in ms
	}
	p95, ok := w.QuantileAt(noon.Add(2*time.Minute), 0.95)
	fmt.Printf("%.0f %v\n", p95, ok)
	_, ok = w.QuantileAt(noon.Add(time.Hour), 0.95)
	fmt.Println(ok)
	// Output:
	// 95 true
	// false
}

func ExampleTrend() {
	r, err := lag.NewTrend(time.Minute, time.Second)
	if err != nil {
		panic(err)
	}
	for i := range 30 {
		r.Add(noon.Add(time.Duration(i)*time.Second), float64(10+2*i)) // requests in flight
	}
	now := noon.Add(29 * time.Second)
	slope, _ := r.SlopeAt(now)
	ahead, _ := r.ProjectAt(now, 20*time.Second)
	fmt.Printf("%+.1f a second, %.0f in 20 s\n", slope, ahead)
	// Output: +2.0 a second, 108 in 20 s
}

func ExampleDrainTime() {
	fmt.Println(lag.DrainTime(120, 8, 12))
	fmt.Println(lag.DrainTime(120, 12, 12))
	// Output:
	// 30s true
	// 0s false
}

func ExampleBacklog() {
	b, err := lag.NewBacklog(time.Minute, time.Second)
	if err != nil {
		panic(err)
	}
	b.Add(noon, 90)
	b.Add(noon.Add(10*time.Second), 70)
	b.Add(noon.Add(20*time.Second), 50)
	now := noon.Add(20 * time.Second)
	level, _ := b.LevelAt(now)
	rate, _ := b.RateAt(now)
	d, ok := b.DrainAt(now)
	fmt.Printf("%.0f waiting, %+.1f a second, drained in %v, %v\n", level, rate, d.Round(time.Second), ok)
	// Output: 50 waiting, -2.0 a second, drained in 25s, true
}

func ExampleDispersion() {
	d, err := lag.NewDispersion(time.Minute, time.Second)
	if err != nil {
		panic(err)
	}
	d.Observe(noon)
	d.Add(noon.Add(3*time.Second), 20) // one burst
	now := noon.Add(10 * time.Second)
	_, ok := d.IndexAt(now)
	fmt.Println(ok) // was there silence around it?
	d.Observe(now)
	index, ok := d.IndexAt(now)
	fmt.Printf("%.0f %v\n", index, ok)
	// Output:
	// false
	// 20 true
}

func ExampleEnvelope() {
	e, err := lag.NewEnvelope(lag.EnvelopeConfig{WaitingLimit: time.Second})
	if err != nil {
		panic(err)
	}
	for i := range 60 {
		n := 10.0
		if i == 30 {
			n = 40 // one burst
		}
		e.Add(noon.Add(time.Duration(i)*time.Second), n)
	}
	now := noon.Add(time.Minute)
	e.Observe(now)
	for _, q := range []float64{0.5, 0.99} {
		v, ok := e.QuantileAt(now, q, 500*time.Millisecond)
		fmt.Printf("%.0f %v\n", v, ok)
	}
	// Output:
	// 5 true
	// 10 true
}

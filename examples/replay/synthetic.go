package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
)

// syntheticName says in every report what the numbers are worth.
const syntheticName = "synthetic day of 20 models"

// synthetic makes a day of 20 models, in requests per minute: eight diurnal ones
// of very different size, six bursty and six sparse ones. Nothing of it was
// recorded anywhere.
func synthetic() []byte {
	rng := rand.New(rand.NewPCG(20, 1440))
	var b bytes.Buffer
	b.WriteString("t_s,model,requests\n")
	bursts := make([]float64, 20) // the rate that a burst adds, fading
	for minute := range 1440 {
		hour := float64(minute) / 60
		for i := range 20 {
			var perMinute float64
			name := ""
			switch {
			case i < 8:
				name = fmt.Sprintf("diurnal-%d", i)
				peak := 3000 * math.Pow(0.6, float64(i))
				day := 0.5 - 0.5*math.Cos(2*math.Pi*(hour-4-float64(i%3))/24)
				perMinute = peak * (0.15 + 0.85*day*day)
			case i < 14:
				name = fmt.Sprintf("bursty-%d", i-8)
				bursts[i] *= 0.8
				if rng.Float64() < 1.0/90 {
					bursts[i] += 300 + 700*rng.Float64()
				}
				perMinute = 30 + bursts[i]
			default:
				name = fmt.Sprintf("sparse-%d", i-14)
				if rng.Float64() < 0.02*float64(i-13) {
					perMinute = 3
				}
			}
			if n := poisson(rng, perMinute); n > 0 {
				fmt.Fprintf(&b, "%d,%s,%d\n", minute*60, name, n)
			}
		}
	}
	return b.Bytes()
}

// poisson draws how many events come when mean are expected.
func poisson(rng *rand.Rand, mean float64) int {
	n := 0
	for at := rng.ExpFloat64(); at < mean; at += rng.ExpFloat64() {
		n++
	}
	return n
}

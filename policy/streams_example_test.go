package policy_test

import (
	"fmt"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// Ten requests a second of 0.4 s each are a load of four slots, two replicas with
// two slots each. While they come evenly one is kept beside them; bursts of fifteen
// seconds that come every five minutes are worth standing by for.
func ExampleAdaptive() {
	x := newTarget(policy.Adaptive{Wait: 500 * time.Millisecond}, 0.4, 6)
	fmt.Println(x.live(3600, 10))
	for range 24 {
		x.live(285, 10)
		x.live(15, 40)
	}
	fmt.Println(x.live(285, 10))
	// Output:
	// 3: worth its cost
	// 8: worth its cost
}

// Ten requests a second of 0.4 s each are a load of four slots, two replicas with
// two slots each. With four of them fewer than one in fifty waits 200 ms.
func ExampleSLO() {
	x := newTarget(policy.SLO{Wait: 200 * time.Millisecond, Miss: 0.02}, 0.4, 2)
	x.live(400, 10)
	fmt.Println(x.p.Decide(x.see(x.second(40)))) // one second of more is no news yet
	fmt.Println(x.live(4, 40))
	// Output:
	// 4: wait limit
	// 10: wait limit 9->10
}

func ExampleForecast() {
	x := newTarget(policy.Forecast{Utilization: 0.8}, 0.4, 2)
	x.live(3600, 20)
	for i := range 60 {
		x.live(10, 20+i) // one request a second more, every ten seconds
	}
	fmt.Println("now:", 79*0.4/0.8/2, "replicas; in half a minute:", x.desired)
	// Output:
	// now: 19.75 replicas; in half a minute: 21
}

// A burst of 40 requests a second, for ten seconds, is provided for as long as it
// is in the window.
func ExampleEnvelope() {
	x := newTarget(policy.Envelope{Wait: 500 * time.Millisecond, Window: 10 * time.Minute}, 0.4, 3)
	x.live(300, 5)
	x.live(10, 40)
	x.live(300, 5)
	fmt.Println(x.p.Decide(x.see(x.second(5))))
	x.live(700, 5)
	fmt.Println(x.p.Decide(x.see(x.second(5))))
	// Output:
	// 6: arrival envelope
	// 1: arrival envelope
}

// A target that is busy for three minutes of every half hour, whatever the clock
// says, has replicas when the next burst is due.
func ExampleSeason() {
	x := newTarget(policy.Highest{policy.Season{Gaps: true}, policy.SLO{Wait: time.Second}}, 0.4, 1)
	x.extra = []policy.Reading{ok(0)}
	for range 10 {
		x.live(1620, 0)
		x.live(180, 20)
	}
	fmt.Println(x.live(1500, 0))
	fmt.Println(x.live(95, 0))
	// Output:
	// 0: wait limit; highest
	// 6: burst due; highest
}

// 300 messages of two seconds wait. A replica takes half a minute to start, which
// leaves as long to serve them all within a minute.
func ExampleBacklog() {
	queue := policy.Signal{Name: "queue"}
	x := newTarget(policy.Backlog{Signal: queue, Within: time.Minute, Service: 2 * time.Second}, 2, 0)
	x.extra = []policy.Reading{ok(300)}
	fmt.Println(x.decide(x.second(0)))
	// Output: 10: drain by deadline 0->10
}

// What a queue gains from each replica more, for whoever has to choose.
func ExampleValue() {
	x := newTarget(policy.Bound{Max: 9, Of: policy.SLO{Wait: 200 * time.Millisecond, Miss: 0.02}}, 0.4, 2)
	x.live(400, 10)
	for n := range 6 {
		fmt.Printf("%d: %.3f\n", n, policy.Value(x.p, x.see(), x.desired, n))
	}
	// Output:
	// 0: 0.000
	// 1: 0.320
	// 2: 0.641
	// 3: 0.961
	// 4: 0.999
	// 5: 1.000
}

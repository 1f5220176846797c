package policy_test

import (
	"fmt"
	"time"

	"github.com/bellows-go/bellows/policy"
)

func ExampleBound() {
	p := policy.Bound{Min: 2, Max: 6, Of: track}.New(start, 4)
	fmt.Println(p.Decide(settled(4, 0)))
	// Output: 2: target ratio 4->0; below min 0->2
}

func ExampleTolerate() {
	p := policy.Tolerate{Down: 0.5, Of: track}.New(start, 4)
	fmt.Println(p.Decide(settled(4, 25)))
	// Output: 4: target ratio 4->3; within tolerance 3->4
}

func ExampleCooldown() {
	p := policy.Cooldown{Down: time.Minute, Of: track}.New(start, 4)
	p.Decide(settled(4, 85))
	later := settled(9, 20) // the nine were ordered; now there is less to do
	later.Now = start.Add(30 * time.Second)
	fmt.Println(p.Decide(later))
	// Output: 9: target ratio 9->2; cooling down 2->9
}

func ExampleFlapBudget() {
	p := policy.FlapBudget{Reversals: 1, Per: time.Hour, Of: track}.New(start, 4)
	for i, o := range []policy.Observation{settled(4, 60), settled(6, 30), settled(3, 60), settled(6, 30)} {
		o.Now = start.Add(time.Duration(i) * time.Minute)
		fmt.Println(p.Decide(o))
	}
	// Output:
	// 6: target ratio 4->6
	// 3: target ratio 6->3
	// 6: target ratio 3->6
	// 6: target ratio 6->3; flap budget spent 3->6
}

func ExampleIdle() {
	p := policy.Idle{After: 10 * time.Minute, Of: track}.New(start, 1)
	o := settled(1, 0)
	o.Now = start.Add(10 * time.Minute)
	o.Readings = append(o.Readings, ok(0)) // the requests in flight
	o.Seconds = quiet(start, o.Now)
	fmt.Println(p.Decide(o))
	// Output: 0: target ratio 1->0; idle to zero
}

func ExampleFallback() {
	p := policy.Fallback{Replicas: 6, Of: track}.New(start, 4)
	o := settled(4, 0)
	o.Readings[0] = policy.Reading{Quality: policy.Failed}
	fmt.Println(p.Decide(o))
	// Output: 6: signal not ok; falling back 4->6
}

func ExampleFreeze() {
	p := policy.Freeze{Replicas: 4, Until: start.Add(time.Hour), Of: track}.New(start, 4)
	fmt.Println(p.Decide(settled(4, 85)))
	// Output: 4: target ratio 4->9; frozen 9->4
}

func ExampleUseful() {
	p := policy.Useful{Max: policy.UsefulGateways(2, 100, 3), Of: track}.New(start, 4)
	fmt.Println(p.Decide(settled(4, 85)))
	// Output: 6: target ratio 4->9; useful parallelism 9->6
}

func ExampleLowest() {
	p := policy.Lowest{track, policy.Freeze{Replicas: 5, Until: start.Add(time.Hour), Of: track}}.New(start, 4)
	o := settled(4, 85)
	o.Readings = append(o.Readings, o.Readings[0])
	fmt.Println(p.Decide(o))
	// Output: 5: target ratio 4->9; frozen 9->5; lowest
}

func ExampleFirst() {
	p := policy.First{policy.KPA{}, track}.New(start, 4)
	o := settled(4, 0)
	o.Readings = []policy.Reading{{}, {}, ok(85)} // the windows of KPA are empty
	fmt.Println(p.Decide(o))
	// Output: 9: target ratio 4->9; first
}

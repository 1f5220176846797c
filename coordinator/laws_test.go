package coordinator_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/internal/laws"
)

// The long run: go test ./coordinator -run 'TestLaws$' -v -timeout 0 -actions 1000000
var (
	atLeast = flag.Int("actions", 0, "TestLaws: go on for so many actions")
	onlyLaw = flag.Int("law", 0, "TestLaws: judge by this law alone; 0 is all")
)

// seldom is how often at least, in a hundred trials, each law must have had
// something to forbid; a few times that is usual.
var seldom = map[string]int{
	"1 bounds": 5000, "2 make before break": 100, "3 no live removal": 120, "3 drain": 15, "4 silence": 150,
	"5 capacity": 200, "6 one of each": 200, "7 twice": 600, "7 prefix": 200, "8 convergence": 12,
	"9 moves": 4, "9 rest": 50, "10 again": 1000, "11 restored": 60, "11 first sight": 150,
	"12 fencing": 400, "13 decisions": 5000, "13 holds": 1500, "13 refusals": 800, "13 short": 1500,
}

// All thirteen laws, on random small fleets with random traffic and faults,
// judged after every action.
func TestLaws(t *testing.T) {
	tempted, happened := map[string]int{}, map[string]int{}
	actions, trials := 0, 0
	for trials == 0 || actions < *atLeast {
		rapid.Check(t, func(t *rapid.T) {
			tr := drawTrial(t)
			defer func() {
				add(tempted, tr.judge.Tempted)
				add(happened, tr.counts)
				actions += tr.actions
				trials++
			}()
			for range rapid.IntRange(20, 60).Draw(t, "ticks") {
				tr.weather(t)
				tr.happen(t)
				tr.tick(t)
			}
			tr.converge(t)
		})
	}
	t.Logf("%d actions in %d trials\nhappened: %s\ntempted: %s", actions, trials, list(happened), list(tempted))
	for _, law := range slices.Sorted(maps.Keys(seldom)) {
		if tempted[law] < seldom[law]*trials/100 {
			t.Errorf("law %s was tempted %d times only", law, tempted[law])
		}
	}
}

func add(sum, m map[string]int) {
	for k, n := range m {
		sum[k] += n
	}
}

func list(m map[string]int) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, fmt.Sprintf("%s: %d", k, m[k]))
	}
	return strings.Join(all, ", ")
}

// check fails the trial for what breaks a law.
func (tr *trial) check(t *rapid.T, err error, p *coordinator.Plan) {
	if err == nil || *onlyLaw != 0 && !laws.Breaks(err, *onlyLaw) {
		return
	}
	t.Fatalf("%v\nafter\n%s\nplan:\n%s\nworld: %+v", err, strings.Join(tr.log, "\n"), tell(*p), tr.fleet.World())
}

func (tr *trial) broken(t *rapid.T, law int, p *coordinator.Plan, format string, args ...any) {
	tr.check(t, fmt.Errorf("law %d: "+format, append([]any{law}, args...)...), p)
}

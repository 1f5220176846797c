package coordinator_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// Whatever happens, a log plans again byte for byte, from its start or from one
// in the middle.
func TestReplay(t *testing.T) {
	kinds := policy.BuiltinKinds()
	kinds["wild"] = wild{}
	rapid.Check(t, func(t *rapid.T) {
		tr := drawTrial(t)
		var file bytes.Buffer
		log := coordinator.NewReplayLog(&file, kinds)
		ticks := rapid.IntRange(1, 15).Draw(t, "ticks")
		for i := range ticks {
			if i == 0 || rapid.IntRange(0, 5).Draw(t, "start again") == 0 {
				if err := log.Start(tr.first); err != nil {
					t.Fatal(err)
				}
			}
			tr.happen(t)
			s := tr.snapshot(t)
			if rapid.IntRange(0, 9).Draw(t, "no number") == 0 && len(s.Samples) > 0 {
				s.Samples[0].Value = math.NaN()
			}
			plan := tr.first.Plan(s)
			if err := log.Tick(s, plan); err != nil {
				t.Fatal(err)
			}
			for _, a := range plan.Now {
				if err := tr.fleet.Apply(t.Context(), a); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n, err := coordinator.Replay(&file, kinds); err != nil || n != ticks {
			t.Fatalf("%d of %d ticks: %v", n, ticks, err)
		}
	})
}

func TestReplayTellsWhatDiffers(t *testing.T) {
	var file bytes.Buffer
	kinds := policy.BuiltinKinds()
	log := coordinator.NewReplayLog(&file, kinds)
	p, s := twoModels(t, always{N: 4})
	require.ErrorContains(t, log.Start(p), "coordinator: replay log: declarations.models[0].policy: a coordinator_test.always is of no known kind")
	p, s = twoModels(t, policy.SeldonLag{Max: 9})
	kinds["always"] = always{}
	require.NoError(t, log.Start(p))
	s.Now = sec(1)
	require.NoError(t, log.Tick(s, p.Plan(s)))
	text := file.String()
	n, err := coordinator.Replay(strings.NewReader(text), kinds)
	require.NoError(t, err)
	require.Equal(t, 1, n)

	_, err = coordinator.Replay(strings.NewReader(strings.Replace(text, `"was":2,"desired":2`, `"was":2,"desired":5`, 1)), kinds)
	var differs *coordinator.ReplayError
	require.ErrorAs(t, err, &differs)
	require.Equal(t, 2, differs.Line)
	require.ErrorContains(t, err, `"desired":5`)
	start, tick, _ := strings.Cut(text, "\n")
	for want, bad := range map[string]string{
		"an empty log":                      "",
		"a tick before a start":             tick,
		"neither a start nor a tick":        start + "\n" + `{"v":2}`,
		"line 1: version 3":                 `{"v":3}`,
		"line 2: x: unknown name":           start + "\n" + `{"v":1,"x":0}`,
		"Groups[0].Name: must not be empty": strings.Replace(start, `"groups":[{"name":"g"`, `"groups":[{"name":""`, 1),
	} {
		_, err := coordinator.Replay(strings.NewReader(bad), kinds)
		require.ErrorContains(t, err, want)
	}
}

func TestDeclarationsAsJSON(t *testing.T) {
	kinds := policy.BuiltinKinds()
	for name, d := range worlds {
		text, err := coordinator.AppendDeclarations(nil, d, kinds)
		require.NoError(t, err)
		back, err := coordinator.DecodeDeclarations(text, kinds)
		require.NoError(t, err)
		require.Equal(t, d, back, name)
	}
	d, err := coordinator.DecodeDeclarations([]byte(`{
		"models": [{"name": "llama", "group": "gpu", "needs": {"gib": 60}, "max": 5, "loadTime": "90s",
			"policy": {"kind": "track", "spec": {"signal": {"name": "in_flight"}, "value": 2}}}],
		"groups": [{"name": "gpu", "capacity": {"gib": 80}, "max": 3, "removal": "ordinal"}]
	}`), kinds)
	require.NoError(t, err)
	require.NoError(t, d.Validate())
	require.Equal(t, 90*time.Second, d.Models[0].LoadTime)
	_, err = coordinator.DecodeDeclarations([]byte(`{"models": [{"nam": "x", "max": -1.5}], "groups": [{"removal": "any"}]}`), kinds)
	require.EqualError(t, err, "models[0].nam: unknown name\nmodels[0].max: must be a whole number of 64 bits, is -1.5\ngroups[0].removal: unknown removal \"any\", known are free, ordinal")
}

package laws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var mutate = flag.Bool("mutate", false, "TestMutants: break the planner once for each law; takes minutes")

// A mutant is a planner with one deliberate bug.
type mutant struct {
	law      int
	bug      string
	old, new string // old stands once in coordinator/*.go
}

// mutants are one bug for each law that the law's property must catch. By hand:
// make the change, which stands in package coordinator once, and run
//
//	go test ./coordinator -run 'TestLaws$' -law <n> -rapid.nofailfile
var mutants = []mutant{
	{1, "one replica is enough, whatever the minimum", `} else if d.Replicas < t.low {`, `} else if d.Replicas < min(t.low, 1) {`},
	{2, "what loads counts as serving when others stop", `free := max(0, m.serving-m.desired)`, `free := max(0, m.serving+m.loading-m.desired)`},
	{3, "a drain is over whatever is in flight", `r.InFlight.Quality == policy.OK && r.InFlight.Value <= 0 &&`, `r.InFlight.Quality == policy.OK &&`},
	{4, "one silent reading may remove capacity", `if d.Replicas < t.desired && (silent > 0 ||`, `if d.Replicas < t.desired && (silent > 1 ||`},
	{5, "what is about to leave makes room at once", `g.problem(p.last, open, false, few)`, `g.problem(p.last, open, true, few)`},
	{6, "a broken replica is loaded again beside itself", `(!later || place.phase != Broken)`, `place.phase != Broken`},
	{7, "what loads is ordered again", `		case Loading, Loaded, Serving:
			switch {`, `		case Loaded, Serving:
			switch {`},
	{8, "the size there is already is ordered again", `case want > servers:`, `case want >= servers:`},
	{9, "servers are emptied before anything has settled", `now.Sub(g.changed) < settle || `, ``},
	{10, "resources come in the order of a map", `dims: slices.Sorted(maps.Keys(decl.Capacity))`, `dims: slices.Collect(maps.Keys(decl.Capacity))`},
	{11, "what was refused is forgotten in a restart", `m.refused, m.drains = s.Refused, `, `m.refused, m.drains = 0, `},
	{12, "actions are not stamped with the leader's epoch", `ModelVersion: m.Version, Epoch: p.options.Epoch,`, `ModelVersion: m.Version,`},
	{13, "a hold for silence does not say so", `d = o.Amend(d, Silence, t.desired, float64(silent))`, `d.Replicas = t.desired`},
}

// Every mutant breaks its law.
func TestMutants(t *testing.T) {
	if !*mutate {
		t.Skip("takes minutes: -mutate")
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	for _, m := range mutants {
		t.Run(fmt.Sprint(m.law), func(t *testing.T) {
			out, err := m.run(t, root)
			require.Error(t, err, "%s: the property stays green:\n%s", m.bug, out)
			want := fmt.Sprintf("law %d:", m.law)
			line := ""
			for l := range strings.Lines(out) {
				if line == "" && strings.Contains(l, want) {
					line = strings.TrimSpace(l)
				}
			}
			require.NotEmpty(t, line, "%s: it fails, but not for law %d:\n%s", m.bug, m.law, out)
			t.Logf("%s: %s", m.bug, line)
		})
	}
}

// run tests the law on the planner with the bug, which no file in the tree ever
// has: it is laid over it.
func (m mutant) run(t *testing.T, root string) (string, error) {
	files, err := filepath.Glob(filepath.Join(root, "coordinator", "*.go"))
	require.NoError(t, err)
	dir := t.TempDir()
	overlay := map[string]map[string]string{"Replace": {}}
	found := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		if n := strings.Count(string(text), m.old); n > 0 && !strings.HasSuffix(name, "_test.go") {
			found += n
			broken := filepath.Join(dir, filepath.Base(name))
			require.NoError(t, os.WriteFile(broken, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600))
			overlay["Replace"][name] = broken
		}
	}
	require.Equal(t, 1, found, "%q must stand once in package coordinator", m.old)
	list, err := json.Marshal(overlay)
	require.NoError(t, err)
	file := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(file, list, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-vet=off", "-overlay", file, "./coordinator", "-run", "TestLaws$",
		"-law", fmt.Sprint(m.law), "-rapid.nofailfile", "-rapid.checks=300", "-rapid.shrinktime=2s")
	cmd.Dir = root
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

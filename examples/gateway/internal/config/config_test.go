package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

func TestDefault(t *testing.T) {
	c, err := Read("")
	require.NoError(t, err)
	require.Equal(t, []string{"llama", "mistral", "whisper"}, c.Models())
	require.Equal(t, wire.LoadOrder{Needs: map[string]int64{"gib": 40}, Slots: 4, LoadTime: time.Second, ServeTime: 60 * time.Millisecond}, c.Orders()["llama"])
	require.Equal(t, 250*time.Millisecond, c.Interval)
	_, err = coordinator.NewPlanner(c.Declarations, coordinator.PlannerOptions{})
	require.NoError(t, err, "every model has a policy")
}

func TestFaultsAreAllNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fleet.json")
	require.NoError(t, os.WriteFile(path, []byte(`{
		"declarations": {"groups": [{"name": "gpu", "max": 1}], "models": [{"name": "a", "group": "gpu", "max": 1, "slots": 2}, {"name": "b", "group": "none", "max": 1, "slots": 2}]},
		"serveTime": {"a": "soon"}, "boot": "-1s", "hold": "5"
	}`), 0o600))
	_, err := Read(path)
	for _, what := range []string{"fleet.json", "serveTime.a", "serveTime.b", "boot", "hold", "Models[1].Group"} {
		require.ErrorContains(t, err, what)
	}
	_, err = Read(path + "x")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Decode([]byte("{"))
	require.Error(t, err)
}

package lag_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/internal/datatest"
	"github.com/bellows-go/bellows/lag"
)

var vectors = flag.String("vectors", "", "folder of golden vectors; BELLOWS_DATA/vectors if unset")

// vectorEpoch is the instant 0 of the vectors.
var vectorEpoch = time.Unix(946684800, 0)

func vectorTime(s float64) time.Time {
	return vectorEpoch.Add(time.Duration(math.Round(s*1000)) * time.Millisecond)
}

type windowScenario struct {
	Name        string
	Kind        string
	Window      float64 `json:"windowSeconds"`
	Granularity float64 `json:"granularitySeconds"`
	Ops         []struct {
		Op     string
		T, V   float64
		Window float64 `json:"windowSeconds"`
		Want   json.RawMessage
	}
}

// original is one of the three kinds of window.
type original struct {
	record func(time.Time, float64)
	avg    func(time.Time) float64
	empty  func(time.Time) bool
	resize func(time.Duration, time.Time) error
}

func newOriginal(s *windowScenario) (o original, err error) {
	span, grain := time.Duration(s.Window*1e9), time.Duration(s.Granularity*1e9)
	switch s.Kind {
	case "linear":
		w, err := lag.NewLinearWindow(span, grain)
		if err != nil {
			return o, err
		}
		return original{w.Record, w.Average, w.Empty, w.Resize}, nil
	case "weighted":
		w, err := lag.NewWeightedWindow(span, grain)
		if err != nil {
			return o, err
		}
		return original{w.Record, w.Average, w.Empty, w.Resize}, nil
	case "max":
		w, err := lag.NewMaxWindow(span, grain)
		if err != nil {
			return o, err
		}
		return original{record: w.Record, avg: func(time.Time) float64 { return w.Current() }}, nil
	}
	return o, fmt.Errorf("unknown kind %q", s.Kind)
}

// TestVectors compares the windows with what Knative's own answered.
func TestVectors(t *testing.T) {
	dir := datatest.Dir(t, *vectors, "vectors")
	file, err := os.Open(filepath.Join(dir, "kpa_windows.jsonl"))
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<26)
	good, all := 0, 0
	for lines.Scan() {
		var s windowScenario
		require.NoError(t, json.Unmarshal(lines.Bytes(), &s))
		w, err := newOriginal(&s)
		require.NoError(t, err, s.Name)
		failed := false
		for i, op := range s.Ops {
			at := vectorTime(op.T)
			right := true
			switch op.Op {
			case "record":
				w.record(at, op.V)
				continue
			case "resize":
				require.NoError(t, w.resize(time.Duration(op.Window*1e9), at), s.Name)
				continue
			case "avg", "current":
				var want float64
				require.NoError(t, json.Unmarshal(op.Want, &want))
				got := w.avg(at)
				right = math.Abs(got-want) <= 1e-9*math.Abs(want)
				if !right && !failed {
					t.Errorf("%s op %d: %s at %v: %v, want %v", s.Name, i, op.Op, op.T, got, want)
				}
			case "empty":
				var want bool
				require.NoError(t, json.Unmarshal(op.Want, &want))
				if right = w.empty(at) == want; !right && !failed {
					t.Errorf("%s op %d: empty at %v: %v", s.Name, i, op.T, !want)
				}
			default:
				t.Fatalf("%s: unknown op %q", s.Name, op.Op)
			}
			all++
			if right {
				good++
			}
			failed = failed || !right
		}
	}
	require.NoError(t, lines.Err())
	require.Positive(t, all)
	fmt.Printf("vectors kpa_windows: %d/%d\n", good, all)
}

package store

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDocument(t *testing.T) {
	dir := t.TempDir()
	d := Document(filepath.Join(dir, "a.json"))
	var got map[string]int
	require.ErrorIs(t, d.Read(&got), ErrNone)
	require.NoError(t, d.Write(map[string]int{"one": 1}, true))
	require.NoError(t, d.Write(map[string]int{"two": 2}, false))
	require.NoError(t, d.Read(&got))
	require.Equal(t, map[string]int{"two": 2}, got)

	require.Error(t, d.Write(func() {}, false), "that is no JSON")
	require.NoError(t, d.Read(&got), "and nothing has changed")
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1, "nothing else is left behind")
	require.NoError(t, os.WriteFile(string(d), []byte(`{"two":`), 0o600))
	require.ErrorContains(t, d.Read(&got), "a.json")
	require.Error(t, Document(filepath.Join(dir, "none", "a.json")).Write(1, false))
}

// A reader beside a writer sees one value or the other, never half of one.
func TestReadsAreWhole(t *testing.T) {
	d := Document(filepath.Join(t.TempDir(), "a.json"))
	long := make([]int, 5000)
	require.NoError(t, d.Write(long, false))
	done := make(chan error, 1)
	go func() {
		for i := range 50 {
			if err := d.Write(long[:len(long)-i], false); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for writing := true; writing; {
		select {
		case err := <-done:
			require.NoError(t, err)
			writing = false
		default:
		}
		var got []int
		require.NoError(t, d.Read(&got))
		require.GreaterOrEqual(t, len(got), len(long)-50)
	}
}

func TestLock(t *testing.T) {
	d := Document(filepath.Join(t.TempDir(), "a.json"))
	unlock, err := d.Lock(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = d.Lock(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	unlock()
	unlock, err = d.Lock(t.Context())
	require.NoError(t, err)
	unlock()
}

func TestCount(t *testing.T) {
	d := Document(filepath.Join(t.TempDir(), "n.json"))
	var all sync.WaitGroup
	seen := make([]bool, 20)
	var mu sync.Mutex
	for range seen {
		all.Go(func() {
			n, err := d.Count(t.Context())
			mu.Lock()
			defer mu.Unlock()
			if err != nil || n < 1 || n > 20 || seen[n-1] {
				t.Errorf("counted %d, %v", n, err)
				return
			}
			seen[n-1] = true
		})
	}
	all.Wait()
	require.NoError(t, os.WriteFile(string(d), []byte("no number"), 0o600))
	_, err := d.Count(t.Context())
	require.Error(t, err, "it does not begin again below what others have")
}

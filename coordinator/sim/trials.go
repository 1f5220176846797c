package sim

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"time"
)

// A Trial is one world in which setups are compared: a workload and its options.
type Trial struct {
	Open    func() (Workload, error) // a new one; closed afterwards if it is an io.Closer
	Options Options
	Setups  []Setup
}

// Trials runs all trials, as many at once as there are processors, and returns
// their results in order: those of several seeds, say, or of several worlds. It
// does not matter how many run at once. progress, if not nil, is told the time
// replayed in all trials together, never from two goroutines at once.
func Trials(trials []Trial, progress func(time.Duration)) ([][]Result, error) {
	results := make([][]Result, len(trials))
	errs := make([]error, len(trials))
	var mu sync.Mutex
	var sum time.Duration
	var wg sync.WaitGroup
	limit := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range trials {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			var last time.Duration
			results[i], errs[i] = trials[i].run(func(at time.Duration) {
				if progress == nil {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				sum += at - last
				last = at
				progress(sum)
			})
		})
	}
	wg.Wait()
	return results, errors.Join(errs...)
}

func (t *Trial) run(progress func(time.Duration)) (results []Result, err error) {
	w, err := t.Open()
	if err != nil {
		return nil, err
	}
	if c, ok := w.(io.Closer); ok {
		defer func() { err = errors.Join(err, c.Close()) }()
	}
	return Run(w, t.Options, t.Setups, progress)
}

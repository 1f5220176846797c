package coordinatortest

import (
	"bytes"
	"context"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const label = "coordinatortest"

var scopes atomic.Uint64

// leftovers runs do and returns the stacks of the goroutines that it started and
// that do not end within patience, or "". Goroutines inherit profiler labels, so
// those of other tests are not taken for do's.
func leftovers(patience time.Duration, do func()) string {
	scope := strconv.FormatUint(scopes.Add(1), 10)
	pprof.Do(context.Background(), pprof.Labels(label, scope), func(context.Context) { do() })
	const pause = time.Millisecond
	for waited := time.Duration(0); ; waited += pause {
		left := labelled(scope)
		if left == "" || waited >= patience {
			return left
		}
		<-time.After(pause) // one that is about to end may need the processor
	}
}

// labelled returns the stacks of the goroutines of a scope.
func labelled(scope string) string {
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		return "" // a buffer takes everything
	}
	var left []string
	for entry := range strings.SplitSeq(b.String(), "\n\n") {
		if strings.Contains(entry, strconv.Quote(label)+":"+strconv.Quote(scope)) {
			left = append(left, entry)
		}
	}
	return strings.Join(left, "\n\n")
}

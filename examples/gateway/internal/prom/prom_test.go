package prom

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPage(t *testing.T) {
	h := NewHistogram()
	for _, d := range []time.Duration{0, time.Millisecond, time.Millisecond + 1, time.Second, time.Minute} {
		h.Observe(d)
	}
	var p Page
	p.Add(Counter, "a_total", "As.", 3, "model", "llama")
	p.Add(Counter, "a_total", "As.", 1.5, "model", "a\\\"b\"\nc", "group", "gpu")
	p.Add(Gauge, "b", "Bs.", 1e9)
	p.AddHistogram("t_seconds", "Times.", h, "model", "llama")
	w := httptest.NewRecorder()
	p.Write(w)
	require.Equal(t, "text/plain; version=0.0.4; charset=utf-8", w.Header().Get("Content-Type"))
	text := w.Body.String()
	require.True(t, strings.HasPrefix(text, `# HELP a_total As.
# TYPE a_total counter
a_total{model="llama"} 3
a_total{model="a\\\"b\"\nc",group="gpu"} 1.5
# HELP b Bs.
# TYPE b gauge
b 1e+09
# HELP t_seconds Times.
# TYPE t_seconds histogram
t_seconds_bucket{model="llama",le="0.001"} 2
t_seconds_bucket{model="llama",le="0.005"} 3
`), text)
	require.True(t, strings.HasSuffix(text, `t_seconds_bucket{model="llama",le="1"} 4
t_seconds_bucket{model="llama",le="2.5"} 4
t_seconds_bucket{model="llama",le="5"} 4
t_seconds_bucket{model="llama",le="10"} 4
t_seconds_bucket{model="llama",le="+Inf"} 5
t_seconds_sum{model="llama"} 61.002000001
t_seconds_count{model="llama"} 5
`), text)
}

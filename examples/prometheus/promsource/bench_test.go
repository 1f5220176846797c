package promsource

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bellows-go/bellows/coordinator"
)

// One Read of a series of all targets, with stamps and sources: three requests.
func BenchmarkRead(b *testing.B) {
	for _, targets := range []int{100, 2000} {
		b.Run(fmt.Sprintf("targets=%d", targets), func(b *testing.B) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				at := r.PostFormValue("time")
				value := map[string]string{"x": "3", "s": at, "up": "1"}[r.PostFormValue("query")]
				var list []string
				for i := range targets {
					list = append(list, fmt.Sprintf(`{"metric":{"model":"m%d"},"value":[%s,"%s"]}`, i, at, value))
				}
				fmt.Fprint(w, body("vector", "["+strings.Join(list, ",")+"]"))
			}))
			defer server.Close()
			s, err := New(Options{URL: server.URL, Queries: []Query{{Name: "x", Label: "model", Expr: "x", Stamp: "s", Sources: "up"}}})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var want []coordinator.Series
			for i := range targets {
				want = append(want, coordinator.Series{Target: coordinator.TargetID{Name: fmt.Sprint("m", i)}, Name: "x"})
			}
			var got []coordinator.Sample
			b.ReportAllocs()
			for b.Loop() {
				if got, err = s.Read(b.Context(), want, got[:0]); err != nil || len(got) != targets {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}

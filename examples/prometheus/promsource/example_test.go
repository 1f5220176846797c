package promsource_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/prometheus/promsource"
	"github.com/bellows-go/bellows/policy"
)

// One of two routers does not answer: the sum is known to lack its part.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := r.PostFormValue("time")
		result := map[string]string{
			`sum by (model) (router_requests_in_flight)`:            `{"metric":{"model":"llama"},"value":[` + at + `,"10"]}`,
			`min by (model) (timestamp(router_requests_in_flight))`: `{"metric":{"model":"llama"},"value":[` + at + `,"` + at + `"]}`,
			`up{job="router"}`: `{"metric":{"instance":"a"},"value":[` + at + `,"1"]},{"metric":{"instance":"b"},"value":[` + at + `,"0"]}`,
		}[r.PostFormValue("query")]
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, result)
	}))
	defer server.Close()

	source, err := promsource.New(promsource.Options{
		URL: server.URL,
		Queries: []promsource.Query{{
			Name:    policy.InFlight, // as policies call it
			Label:   "model",         // which names the target
			Expr:    `sum by (model) (router_requests_in_flight)`,
			Stamp:   `min by (model) (timestamp(router_requests_in_flight))`, // how old it is
			Sources: `up{job="router"}`,                                      // who should have counted
		}},
	})
	if err != nil {
		panic(err)
	}
	samples, err := source.Read(context.Background(), []coordinator.Series{{Target: coordinator.TargetID{Name: "llama"}, Name: policy.InFlight}}, nil)
	if err != nil {
		panic(err)
	}
	s := samples[0]
	fmt.Printf("%v: %v, %d of %d\n", s.Value, s.Quality, s.Answered, s.Of)
	// Output: 10: partial, 1 of 2
}

package laghttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/bellows-go/bellows/lag"
	"github.com/bellows-go/bellows/lag/laghttp"
)

func ExampleHandler() {
	var registry lag.Registry
	h := &laghttp.Handler{
		Registry: &registry,
		Target: func(r *http.Request) (string, bool) {
			model, ok := strings.CutPrefix(r.URL.Path, "/models/")
			return model, ok && model == "llama" // only what is known
		},
		Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Println("in flight:", registry.Meter("llama").Totals().InFlight())
			http.Error(w, "no replica", http.StatusServiceUnavailable)
		}),
	}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/models/llama", nil))
	fmt.Printf("%+v\n", registry.Meter("llama").Totals())
	// Output:
	// in flight: 1
	// {Begun:1 Ended:1 Failed:1}
}

func ExampleTransport() {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "once upon a time")
	}))
	defer backend.Close()

	var registry lag.Registry
	client := &http.Client{Transport: &laghttp.Transport{
		Registry: &registry,
		Target:   func(*http.Request) (string, bool) { return "llama", true },
	}}
	resp, err := client.Get(backend.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println("in flight:", registry.Meter("llama").Totals().InFlight())
	text, _ := io.ReadAll(resp.Body)
	fmt.Printf("%s: %+v\n", text, registry.Meter("llama").Totals())
	// Output:
	// in flight: 1
	// once upon a time: {Begun:1 Ended:1 Failed:0}
}

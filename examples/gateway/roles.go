package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellows-go/bellows/examples/gateway/internal/config"
	"github.com/bellows-go/bellows/examples/gateway/internal/control"
	"github.com/bellows-go/bellows/examples/gateway/internal/load"
	"github.com/bellows-go/bellows/examples/gateway/internal/modelserver"
	"github.com/bellows-go/bellows/examples/gateway/internal/proxy"
)

// listen opens an address of the loopback interface; a port of 0 is any.
func listen(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%s is not of the loopback interface: nothing here asks who is there", address)
	}
	return net.Listen("tcp", address)
}

// runProxy serves requests, and the control plane on an address of its own.
func runProxy(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	public := flags.String("listen", "127.0.0.1:8080", "where requests enter")
	admin := flags.String("admin", "127.0.0.1:8081", "where the control plane asks, and /metrics is")
	file := flags.String("config", "", "fleet; default: three models")
	if err := flags.Parse(args); err != nil {
		return err
	}
	c, err := config.Read(*file)
	if err != nil {
		return err
	}
	p := proxy.New(proxy.Options{Models: c.Models(), Hold: c.Hold, Silence: c.Silence})
	defer p.Close()
	all, ctx := errgroup.WithContext(ctx)
	for address, handler := range map[string]http.Handler{*public: p.Handler(), *admin: p.Admin()} {
		l, err := listen(address)
		if err != nil {
			return err
		}
		web := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		all.Go(func() error { return web.Serve(l) })
		all.Go(func() error {
			<-ctx.Done()
			last, cancel := context.WithTimeout(context.Background(), c.Hold+c.Silence)
			defer cancel()
			return web.Shutdown(last)
		})
	}
	if err := all.Wait(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// controlFlags are those of the roles that know the fleet.
func controlFlags(name string) (flags *flag.FlagSet, options func() (control.Options, error)) {
	flags = flag.NewFlagSet(name, flag.ContinueOnError)
	dir := flags.String("dir", "", "directory of its state; must be set")
	admin := flags.String("proxy", "http://127.0.0.1:8081", "the proxy's side for the control plane")
	file := flags.String("config", "", "fleet; default: three models")
	faults := flags.Bool("faults", false, "servers can be told to crash and to hang")
	journal := flags.String("journal", "", "file to which servers write their requests")
	return flags, func() (control.Options, error) {
		if *dir == "" {
			return control.Options{}, errors.New("-dir must be set")
		}
		c, err := config.Read(*file)
		if err != nil {
			return control.Options{}, err
		}
		self, err := os.Executable()
		if err != nil {
			return control.Options{}, err
		}
		return control.Options{
			Config: c, Dir: *dir, Proxy: *admin, Lifeline: lifeline,
			Command: func(group, name, token string) *exec.Cmd {
				o := modelserver.Options{Name: name, Token: token, Boot: c.Boot, Grace: c.Grace, Faults: *faults}
				for _, g := range c.Declarations.Groups {
					if g.Name == group {
						o.Capacity = g.Capacity
					}
				}
				return exec.Command(self, append([]string{"server"}, modelserver.Args(o, *journal)...)...)
			},
			Say: func(format string, args ...any) { fmt.Printf(format+"\n", args...) },
		}, nil
	}
}

// runControl is the control plane. The servers stay when it ends.
func runControl(ctx context.Context, args []string) error {
	flags, options := controlFlags("control")
	pages := flags.String("listen", "127.0.0.1:8082", "where the debug page and /metrics are")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o, err := options()
	if err != nil {
		return err
	}
	l, err := listen(*pages)
	if err != nil {
		return err
	}
	return control.Run(ctx, l, o)
}

// runDown ends all servers that a control plane has left behind.
func runDown(ctx context.Context, args []string) error {
	flags, options := controlFlags("down")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o, err := options()
	if err != nil {
		return err
	}
	f, err := control.Open(ctx, o)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Down(ctx)
}

// runLoad asks the proxy, and prints how it went.
func runLoad(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	var o load.Options
	flags.StringVar(&o.URL, "url", "http://127.0.0.1:8080", "the proxy")
	models := flags.String("models", "llama,mistral,whisper", "for which models; the first gets half of the requests, the second half of the rest...")
	flags.Float64Var(&o.Peak, "peak", 200, "requests a second at the top of a wave")
	flags.DurationVar(&o.Wave, "wave", 30*time.Second, "length of a wave")
	flags.DurationVar(&o.Rest, "rest", 0, "without requests after each wave")
	flags.IntVar(&o.Waves, "waves", 1, "how many")
	flags.IntVar(&o.Workers, "workers", 128, "requests at a time, at most")
	flags.Float64Var(&o.Fragile, "fragile", 0.1, "part of the requests that may not be done twice")
	flags.DurationVar(&o.Timeout, "timeout", 30*time.Second, "after which a client gives up")
	flags.Uint64Var(&o.Seed, "seed", 1, "of the mix of requests")
	asJSON := flags.Bool("json", false, "print the report as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !(o.Peak > 0 && o.Wave > 0 && o.Rest >= 0 && o.Workers > 0) {
		return errors.New("-peak, -wave and -workers must be > 0, -rest not negative")
	}
	o.Models = strings.Split(*models, ",")
	if !*asJSON {
		o.Second = func(p load.Progress) {
			fmt.Printf("%3.0f requests/s wanted, %d sent, %d in flight, %d failed\n", p.Rate, p.Sent, p.InFlight, p.Failed)
		}
	}
	report := load.Run(ctx, o)
	if *asJSON {
		return json.NewEncoder(os.Stdout).Encode(report)
	}
	tell(report)
	return nil
}

// tell prints a report for people.
func tell(r load.Report) {
	slices.Sort(r.Times)
	at := func(p float64) time.Duration {
		if len(r.Times) == 0 {
			return 0
		}
		return r.Times[min(int(p*float64(len(r.Times))), len(r.Times)-1)].Round(100 * time.Microsecond)
	}
	fmt.Printf("%d requests, %d answered (%d by another server than the first), %d failed; p50 %v, p99 %v, slowest %v\n",
		r.Sent, r.Answered, r.Resent, len(r.Failures), at(0.5), at(0.99), at(1))
	byWhy := map[string]int{}
	for _, f := range r.Failures {
		why := fmt.Sprintf("status %d", f.Status)
		if f.Lost != "" {
			why = "in flight on " + f.Lost + ", which was lost"
		}
		byWhy[why]++
	}
	for _, why := range slices.SortedFunc(keys(byWhy), cmp.Compare[string]) {
		fmt.Printf("  %d failed: %s\n", byWhy[why], why)
	}
}

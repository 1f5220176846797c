package main

import (
	"context"
	"net/http"
	"syscall"
	"time"

	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// trouble crashes a server, kills the control plane and hangs a server, each at
// its part of the wave.
func (d *demo) trouble(ctx context.Context, wave time.Duration) {
	for _, what := range []struct {
		at float64 // part of the wave
		do func(context.Context)
	}{
		{0.35, func(ctx context.Context) { d.fault(ctx, "crash") }},
		{0.5, func(context.Context) { d.killControl() }},
		{0.6, func(ctx context.Context) { d.fault(ctx, "hang") }},
	} {
		wait := time.NewTimer(time.Duration(what.at*float64(wave)) - time.Since(d.began))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
			what.do(ctx)
		}
	}
}

// busiest is the server with the most requests in flight, "" if there is none.
func busiest(ctx context.Context, admin string) (name, addr string) {
	var routes wire.Routes
	if err := wire.Call(ctx, http.DefaultClient, http.MethodGet, admin+"/routes", nil, &routes); err != nil {
		return "", ""
	}
	inFlight, most := map[string]int{}, -1
	for _, g := range routes.Groups {
		for _, r := range g.Routes {
			inFlight[r.Addr] += r.InFlight
			if n := inFlight[r.Addr]; !r.Draining && !r.Ejected && n > most {
				name, addr, most = r.Server, r.Addr, n
			}
		}
	}
	return name, addr
}

// fault tells the busiest server to crash or to hang.
func (d *demo) fault(ctx context.Context, what string) {
	name, addr := busiest(ctx, "http://"+d.addrs["admin"])
	if name == "" {
		return
	}
	d.say("gateway", "--- server %s is told to %s ---", name, what)
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = wire.Call(ctx, http.DefaultClient, http.MethodPost, "http://"+addr+"/fault/"+what, nil, nil) // it cannot answer
}

// killControl kills the control plane, without a warning. It is started again.
func (d *demo) killControl() {
	d.mu.Lock()
	id := d.control
	d.mu.Unlock()
	d.say("gateway", "--- the control plane is killed ---")
	_ = id.Signal(syscall.SIGKILL) // it may have ended
}

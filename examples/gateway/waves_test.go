package main

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/examples/gateway/internal/load"
)

// brisk is the fleet of the tests: the default one, in more of a hurry.
const brisk = `{
	"declarations": {
		"groups": [{"name": "gpu", "capacity": {"gib": 80}, "max": 5, "bootTime": "500ms", "consolidation": {"settle": "2s", "quiet": "2m"}}],
		"models": [
			{"name": "llama", "group": "gpu", "version": "v1", "needs": {"gib": 40}, "max": 4, "slots": 4, "loadTime": "500ms", "drainTimeout": "20s", "priority": 1},
			{"name": "mistral", "group": "gpu", "version": "v1", "needs": {"gib": 30}, "max": 4, "slots": 4, "loadTime": "400ms", "drainTimeout": "20s"},
			{"name": "whisper", "group": "gpu", "version": "v1", "needs": {"gib": 10}, "max": 4, "slots": 4, "loadTime": "300ms", "drainTimeout": "20s"}
		]
	},
	"serveTime": {"llama": "60ms", "mistral": "50ms", "whisper": "100ms"},
	"interval": "200ms", "calm": "2s", "sleep": "1s", "boot": "500ms", "grace": "15s", "hold": "25s", "silence": "3500ms"
}`

// An event is something done to the gateway during the waves.
type event struct {
	at time.Duration
	do func(*rig)
}

// A course is a load and what is done to the gateway meanwhile.
type course struct {
	wave, rest time.Duration
	waves      int
	events     []event
}

// shortCourse is one wave with every kind of trouble.
func shortCourse() course {
	return course{wave: 14 * time.Second, waves: 1, events: []event{
		{4 * time.Second, (*rig).crash},
		{6 * time.Second, (*rig).killControl},
		{7500 * time.Millisecond, (*rig).leave},
		{9 * time.Second, (*rig).hang},
	}}
}

// longCourse is three minutes of three waves: a crash every 20 s, and once each the
// others.
func longCourse() course {
	c := course{wave: 50 * time.Second, rest: 10 * time.Second, waves: 3, events: []event{
		{85 * time.Second, (*rig).killControl}, {92 * time.Second, (*rig).leave}, {147 * time.Second, (*rig).hang},
	}}
	for at := 20 * time.Second; at < c.length(); at += 20 * time.Second {
		c.events = append(c.events, event{at, (*rig).crash})
	}
	slices.SortStableFunc(c.events, func(a, b event) int { return int(a.at - b.at) })
	return c
}

func (c course) length() time.Duration { return time.Duration(c.waves) * (c.wave + c.rest) }

// Under waves of load from a process of its own, with servers that crash, hang or
// are told to go, and a control plane that is killed, no request fails but those
// that could not be sent again and were in flight on a server that was killed;
// nobody is sent where nobody serves; and nothing is left in the end.
func TestWaves(t *testing.T) {
	c := shortCourse()
	if *long {
		c = longCourse()
	}
	r := newRig(t, brisk)
	front := r.startProxy()
	r.startControl()

	watch, stop := context.WithCancel(t.Context())
	defer stop()
	var watcher sync.WaitGroup
	drained, wrong := 0, []string(nil)
	watcher.Go(func() { drained, wrong = r.drains(watch) })

	began := time.Now()
	clients := r.start("load", "-json", "-url", "http://"+r.requests, "-peak", "200", "-fragile", "0.2",
		"-wave", c.wave.String(), "-rest", c.rest.String(), "-waves", strconv.Itoa(c.waves), "-timeout", "60s")
	for _, e := range c.events {
		select {
		case <-time.After(e.at - time.Since(began)):
			e.do(r)
		case err := <-clients.ended:
			t.Fatalf("the clients ended early: %v", err)
		}
	}
	select {
	case err := <-clients.ended:
		require.NoError(t, err)
	case <-time.After(c.length() - time.Since(began) + 2*time.Minute):
		t.Fatal("the clients do not end")
	}
	report := clients.report(r)
	r.wait(time.Minute, "replicas or servers are left", func(ctx context.Context) bool { return r.empty(ctx) })
	calm := time.Since(began) - (c.length() - c.rest)
	stop()
	watcher.Wait()
	r.end(r.control)
	r.end(front)

	r.judge(report)
	begun := r.journaled()
	require.Empty(t, wrong)
	require.Positive(t, drained, "no drain was seen: nothing about drains was tested")
	t.Logf("%d requests, %d answered, %d of them by another server than the first, %d not answered", report.Sent, report.Answered, report.Resent, len(report.Failures))
	t.Logf("%d requests begun by servers, %d drains, %d servers answered; nothing was left %v after the last wave", begun, drained, len(report.Servers), calm.Round(100*time.Millisecond))
	slices.Sort(report.Times)
	t.Logf("p50 %v, p99 %v, slowest %v", quantile(report.Times, 0.5), quantile(report.Times, 0.99), report.Times[len(report.Times)-1])
	if t.Failed() {
		t.Logf("the control planes said:\n%s", r.log())
	}
}

// empty reports whether there is no route, and the control plane knows of neither
// replicas nor servers.
func (r *rig) empty(ctx context.Context) bool {
	for _, g := range r.routes().Groups {
		if len(g.Routes) > 0 {
			return false
		}
	}
	text, err := scrape(ctx, "http://"+r.pages+"/metrics")
	if err != nil {
		return false
	}
	counts := regexp.MustCompile(`(?m)^gateway_(?:model_replicas|group_servers)\S* (\S+)$`).FindAllStringSubmatch(text, -1)
	for _, match := range counts {
		if match[1] != "0" {
			return false
		}
	}
	return len(counts) > 0
}

// judge looks at every request that failed.
func (r *rig) judge(report load.Report) {
	require.Equal(r, report.Sent, report.Answered+len(report.Failures))
	require.Greater(r, report.Sent, 1000, "that was no load")
	require.Positive(r, report.Resent, "no request was sent again: nothing about that was tested")
	killed := r.killedByControl()
	for name := range r.hanged {
		require.True(r, killed[name], "server %s hung and was not killed", name)
	}
	lost := 0
	for _, f := range report.Failures {
		if !f.Twice && f.Lost != "" && (r.crashed[f.Lost] || killed[f.Lost]) && (f.Status == http.StatusBadGateway || f.Status == http.StatusGatewayTimeout) {
			lost++
			continue
		}
		r.Errorf("a request failed: %+v", f)
	}
	r.Logf("%d requests that may not be done twice were in flight on one of %d servers that crashed or %d that were killed",
		lost, len(r.crashed), len(killed))
}

// A proxy that starts anew has no routes: requests wait until it is told them,
// and the models are served by the replicas that there are.
func TestProxyRestart(t *testing.T) {
	t.Parallel()
	r := newRig(t, brisk)
	front := r.startProxy()
	r.startControl()
	ask := func(key string) {
		status, body := r.ask("llama", key)
		require.Equal(t, http.StatusOK, status, body)
		require.Equal(t, "ask "+key, body)
	}
	ask("one") // from zero
	r.end(front)
	front = r.startProxy()
	ask("two")
	r.wait(time.Minute, "replicas or servers are left", r.empty)
	r.end(r.control)
	r.end(front)
	r.journaled()
}

// quantile is one of ascending times; the largest for 1.
func quantile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(p*float64(len(sorted))), len(sorted)-1)].Round(10 * time.Microsecond)
}

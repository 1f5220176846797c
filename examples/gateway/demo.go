package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bellows-go/bellows/examples/gateway/internal/control"
	"github.com/bellows-go/bellows/examples/gateway/internal/proc"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

func keys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// A demo is all processes together, and what they say.
type demo struct {
	self     string
	dir      string
	lifeline *os.File
	began    time.Time
	addrs    map[string]string // of the processes' listeners

	mu      sync.Mutex // of the terminal, and of what follows
	control proc.ID    // the control plane that runs
}

// patience is how long a process may take to end.
const patience = 20 * time.Second

// runDemo starts everything, drives a wave of load and ends when nothing is left.
func runDemo(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	faults := flags.Bool("faults", false, "crash a server, hang one and kill the control plane meanwhile")
	wave := flags.Duration("wave", 30*time.Second, "length of the wave")
	peak := flags.Float64("peak", 200, "requests a second at its top")
	stay := flags.Bool("stay", false, "go on, without load, until interrupted")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("there is no role %q", flags.Arg(0))
	}
	if !(*peak > 0 && *wave > 0) {
		return errors.New("-wave and -peak must be > 0")
	}
	d := &demo{began: time.Now(), addrs: map[string]string{}}
	if d.self, err = os.Executable(); err != nil {
		return err
	}
	if d.dir, err = os.MkdirTemp("", "gateway-"); err != nil {
		return err
	}
	defer os.RemoveAll(d.dir)
	line, end, err := proc.NewLifeline()
	if err != nil {
		return err
	}
	defer end.Close()
	d.lifeline = line
	if err := d.ports("requests", "admin", "pages"); err != nil {
		return err
	}

	whole, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	defer d.down() // when the control plane has ended, or it would start servers anew
	defer all.Wait()
	defer cancel()
	all.Go(func() { d.keep(whole, "proxy", "-listen", d.addrs["requests"], "-admin", d.addrs["admin"]) })
	all.Go(func() {
		d.keep(whole, "control", "-dir", d.dir, "-proxy", "http://"+d.addrs["admin"], "-listen", d.addrs["pages"], "-faults")
	})
	if err := d.awake(ctx); err != nil {
		return err
	}
	d.say("gateway", "requests  http://%s/v1/models/llama/infer", d.addrs["requests"])
	d.say("gateway", "debug     http://%s%s", d.addrs["pages"], control.DebugPath)
	d.say("gateway", "metrics   http://%s/metrics and http://%s/metrics", d.addrs["admin"], d.addrs["pages"])
	if *faults {
		all.Go(func() { d.trouble(whole, *wave) })
	}
	load := d.command("load", "-url", "http://"+d.addrs["requests"], "-wave", wave.String(), "-peak", fmt.Sprint(*peak))
	if err := d.run(ctx, "load", load); err != nil || ctx.Err() != nil {
		return err
	}
	if err := d.empty(ctx); err != nil {
		return err
	}
	d.say("gateway", "no replica and no server is left")
	if *stay {
		<-ctx.Done()
	}
	return nil
}

// ports finds free ones.
func (d *demo) ports(names ...string) error {
	for _, name := range names {
		l, err := proc.Listen()
		if err != nil {
			return err
		}
		d.addrs[name] = l.Addr().String()
		defer l.Close() // all of them at the end, so that they differ
	}
	return nil
}

// say prints a line.
func (d *demo) say(who, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Printf("%6.1fs %-7s %s\n", time.Since(d.began).Seconds(), who, fmt.Sprintf(format, args...))
}

func (d *demo) command(role string, args ...string) *exec.Cmd {
	return exec.Command(d.self, append([]string{role}, args...)...)
}

// run runs a process to its end, and prints what it says. When ctx ends it is
// told to end.
func (d *demo) run(ctx context.Context, who string, cmd *exec.Cmd) error {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	id, err := proc.Start(cmd, nil, d.lifeline)
	if err != nil {
		return err
	}
	if who == "control" {
		d.mu.Lock()
		d.control = id
		d.mu.Unlock()
	}
	stop := context.AfterFunc(ctx, func() {
		_ = id.Signal(syscall.SIGTERM) // it may have ended
		time.AfterFunc(patience, func() { _ = id.Signal(syscall.SIGKILL) })
	})
	defer stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		d.say(who, "%s", lines.Text())
	}
	_, _ = io.Copy(io.Discard, out) // beyond a line that is too long
	return cmd.Wait()
}

// keep runs a process again whenever it ends, until ctx does.
func (d *demo) keep(ctx context.Context, role string, args ...string) {
	for ctx.Err() == nil {
		err := d.run(ctx, role, d.command(role, args...))
		if ctx.Err() != nil {
			return
		}
		d.say("gateway", "process %s has ended (%v); another one starts", role, err)
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// until waits until is says so.
func until(ctx context.Context, limit time.Duration, what string, is func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !is(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case <-ticker.C:
		}
	}
	return nil
}

// awake waits until the processes answer.
func (d *demo) awake(ctx context.Context) error {
	return until(ctx, 20*time.Second, "the proxy and the control plane do not answer", func(ctx context.Context) bool {
		return wire.Call(ctx, http.DefaultClient, http.MethodGet, "http://"+d.addrs["admin"]+"/metrics", nil, nil) == nil &&
			wire.Call(ctx, http.DefaultClient, http.MethodGet, "http://"+d.addrs["pages"]+"/metrics", nil, nil) == nil
	})
}

// empty waits until the control plane has taken everything away.
func (d *demo) empty(ctx context.Context) error {
	return until(ctx, time.Minute, "replicas or servers are left", func(ctx context.Context) bool {
		text, err := scrape(ctx, "http://"+d.addrs["pages"]+"/metrics")
		if err != nil {
			return false
		}
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
			counts := strings.HasPrefix(name, "gateway_model_replicas_") || strings.HasPrefix(name, "gateway_group_servers")
			if counts && value != "0" {
				return false
			}
		}
		return strings.Contains(text, "\ngateway_group_servers{")
	})
}

// scrape reads a page of metrics.
func scrape(ctx context.Context, url string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

// down ends what servers are left, after an interrupt.
func (d *demo) down() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := d.run(ctx, "down", d.command("down", "-dir", d.dir, "-proxy", "http://"+d.addrs["admin"])); err != nil {
		d.say("gateway", "down: %v", err)
	}
}

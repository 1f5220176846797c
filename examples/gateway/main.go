// Gateway is a complete small control plane on one machine: a reverse proxy, a
// control plane and model servers, each a process of its own, from one binary.
//
//	go run .            # a wave of load, 0 -> 200 requests/s -> 0, on three models
//	go run . -faults    # the same; a server crashes, one hangs, the control plane is killed
//
// The parts can be run by themselves, each with -help:
//
//	gateway proxy | control | down | load
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/bellows-go/bellows/examples/gateway/internal/modelserver"
	"github.com/bellows-go/bellows/examples/gateway/internal/proc"
)

// roles are what a process can be.
var roles = map[string]func(ctx context.Context, args []string) error{
	"proxy":   runProxy,
	"control": runControl,
	"down":    runDown,
	"load":    runLoad,
}

func main() { os.Exit(run(os.Args[1:])) }

// run is what the process does, and its exit status.
func run(args []string) int {
	if len(args) > 0 && args[0] == "server" {
		return status(modelserver.Main(args[1:])) // SIGTERM means something else to it
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) > 0 && roles[args[0]] != nil {
		// Whoever started this process is gone: end as if told to.
		ctx, cancel := context.WithCancel(ctx)
		line := proc.Lifeline()
		proc.OnCut(line, cancel)
		lifeline = line
		return status(roles[args[0]](ctx, args[1:]))
	}
	return status(runDemo(ctx, args))
}

// lifeline is the one that this process was given; servers hang on it, too.
var lifeline *os.File

func status(err error) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintln(os.Stderr, "gateway:", err)
	return 1
}

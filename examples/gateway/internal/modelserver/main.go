package modelserver

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/bellows-go/bellows/examples/gateway/internal/proc"
)

// Args are the arguments with which Main runs a server of these options. The
// journal is a path, "" for none.
func Args(o Options, journal string) []string {
	capacity, err := json.Marshal(o.Capacity)
	if err != nil {
		panic(err) // numbers by name
	}
	return []string{
		"-name", o.Name, "-token", o.Token, "-capacity", string(capacity),
		"-boot", o.Boot.String(), "-grace", o.Grace.String(), fmt.Sprintf("-faults=%v", o.Faults), "-journal", journal,
	}
}

// Main is the process of a model server, which package proc has started. It ends
// after SIGTERM, and at once when its lifeline is cut.
func Main(args []string) error {
	var o Options
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.StringVar(&o.Name, "name", "", "name of the server")
	flags.StringVar(&o.Token, "token", "", "by which it is known again")
	flags.Func("capacity", `what its replicas may need in all: {"gib": 80}`, func(text string) error {
		return json.Unmarshal([]byte(text), &o.Capacity)
	})
	flags.DurationVar(&o.Boot, "boot", 0, "how long it takes until it is up")
	flags.DurationVar(&o.Grace, "grace", 0, "how long it serves on when it is told to end")
	flags.BoolVar(&o.Faults, "faults", false, "it can be told to crash and to hang")
	journal := flags.String("journal", "", "file to which requests are written")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	proc.OnCut(proc.Lifeline(), func() { os.Exit(1) })
	if *journal != "" {
		f, err := os.OpenFile(*journal, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		o.Journal = f
	}
	l, err := proc.Listener()
	if err != nil {
		return err
	}
	s, err := New(o)
	if err != nil {
		return err
	}
	return s.Run(ctx, l)
}

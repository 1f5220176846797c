package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress is a bar on a terminal, and nothing anywhere else.
type progress struct {
	out    io.Writer // nil: silent
	what   string    // in front
	length time.Duration
	shown  int
}

func newProgress(out io.Writer, quiet bool) *progress {
	p := &progress{length: 1, shown: -1}
	if f, ok := out.(*os.File); ok && !quiet {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.out = out
		}
	}
	return p
}

// begin starts a bar for so much time to replay.
func (p *progress) begin(what string, length time.Duration) {
	p.clear()
	p.what, p.length, p.shown = what, length, -1
}

const barWidth = 40

// show draws how far the replay has come, if that looks different from before.
func (p *progress) show(at time.Duration) {
	percent := min(int(100*at.Seconds()/max(p.length.Seconds(), 1e-9)), 100)
	if p.out == nil || percent == p.shown {
		return
	}
	p.shown = percent
	full := barWidth * percent / 100
	fmt.Fprintf(p.out, "\r%s[%s%s] %3d %%", p.what, strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), percent)
}

// clear removes the bar.
func (p *progress) clear() {
	if p.out != nil && p.shown >= 0 {
		fmt.Fprintf(p.out, "\r%s\r", strings.Repeat(" ", len(p.what)+barWidth+8))
	}
}

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/examples/gateway/internal/proc"
)

// A show is the demonstration, as a process.
type show struct {
	*testing.T
	cmd     *exec.Cmd
	lines   chan string // closed at the end
	tmp     string
	servers map[string]proc.ID // that have started
	seen    []string
}

func newShow(t *testing.T, args ...string) *show {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	s := &show{T: t, cmd: exec.Command(self, append([]string{"demo"}, args...)...), lines: make(chan string, 10000), tmp: t.TempDir(), servers: map[string]proc.ID{}}
	s.cmd.Env = append(os.Environ(), "TMPDIR="+s.tmp)
	out, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	s.cmd.Stderr = os.Stderr
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	go func() {
		defer close(s.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.lines <- lines.Text()
		}
	}()
	return s
}

var starts = regexp.MustCompile(`server (\S+) starts: process (\d+), port`)

// reads reads lines until one says what, "" for all there are.
func (s *show) reads(what string) {
	s.Helper()
	late := time.After(2 * time.Minute)
	for {
		select {
		case line, more := <-s.lines:
			if !more {
				require.Empty(s, what, "it ended:\n%s", strings.Join(s.seen, "\n"))
				return
			}
			s.seen = append(s.seen, line)
			if match := starts.FindStringSubmatch(line); match != nil {
				pid, _ := strconv.Atoi(match[2])
				id, err := proc.Of(pid)
				require.NoError(s, err)
				s.servers[match[1]] = id
			}
			if what != "" && strings.Contains(line, what) {
				return
			}
		case <-late:
			s.Fatalf("it does not say %q:\n%s", what, strings.Join(s.seen, "\n"))
		}
	}
}

// nothingLeft requires that all servers that were started have ended.
func (s *show) nothingLeft() {
	s.Helper()
	require.NotEmpty(s, s.servers)
	for name, id := range s.servers {
		require.Eventually(s, func() bool { return !id.Alive() }, 20*time.Second, time.Millisecond, "server %s is left", name)
	}
}

// The command of the README.
func TestDemo(t *testing.T) {
	s := newShow(t, "-wave", "5s", "-peak", "60")
	s.reads("no replica and no server is left")
	s.reads("")
	require.NoError(t, s.cmd.Wait())
	s.nothingLeft()
	said := strings.Join(s.seen, "\n")
	for _, what := range []string{`debug +http://127\.0\.0\.1:`, `llama +0 -> [1-4] replicas`, `llama +[1-4] -> 0 replicas`, ` 0 failed; p50`} {
		require.Regexp(t, what, said)
	}
	left, err := filepath.Glob(s.tmp + "/*")
	require.NoError(t, err)
	require.Empty(t, left, "it cleans up")
}

func TestDemoInterrupted(t *testing.T) {
	s := newShow(t)
	s.reads("route ")
	require.NoError(t, s.cmd.Process.Signal(os.Interrupt))
	s.reads("")
	require.NoError(t, s.cmd.Wait())
	s.nothingLeft()
}

func TestDemoKilled(t *testing.T) {
	s := newShow(t)
	s.reads("route ")
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGKILL))
	s.reads("") // its processes say what they say through it, until they end
	require.Error(t, s.cmd.Wait())
	s.nothingLeft()
}

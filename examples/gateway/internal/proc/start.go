package proc

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// Environment variables that tell a process which open files it was given.
const (
	listenerEnv = "GATEWAY_LISTENER"
	lifelineEnv = "GATEWAY_LIFELINE"
)

// Listen opens a free port of the loopback interface.
func Listen() (*net.TCPListener, error) {
	return net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
}

// Port is a listener's.
func Port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// Start starts cmd and hands it the listener, unless that is nil, and the
// lifeline, unless that is nil. The caller keeps both, and must Wait for cmd. The
// process gets a process group of its own: an interrupt from the terminal is for
// the one that started it to pass on.
func Start(cmd *exec.Cmd, l *net.TCPListener, lifeline *os.File) (ID, error) {
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	give := func(f *os.File, env string) {
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		cmd.Env = append(cmd.Env, env+"="+strconv.Itoa(2+len(cmd.ExtraFiles)))
	}
	cmd.Env = append(cmd.Env, listenerEnv+"=", lifelineEnv+"=")
	if l != nil {
		f, err := l.File()
		if err != nil {
			return ID{}, fmt.Errorf("proc: %w", err)
		}
		defer f.Close()
		give(f, listenerEnv)
	}
	if lifeline != nil {
		give(lifeline, lifelineEnv)
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		return ID{}, fmt.Errorf("proc: %w", err)
	}
	id, err := Of(cmd.Process.Pid)
	if err != nil { // it ended at once, and is known by its number until Wait
		return ID{Pid: cmd.Process.Pid}, nil
	}
	return id, nil
}

// given opens the file that an environment variable tells of; nil if there is
// none.
func given(env string) *os.File {
	fd, err := strconv.Atoi(os.Getenv(env))
	if err != nil || fd < 3 {
		return nil
	}
	syscall.CloseOnExec(fd) // the next process gets it only if it is given
	return os.NewFile(uintptr(fd), env)
}

// Listener is the one that this process was given.
func Listener() (net.Listener, error) {
	f := given(listenerEnv)
	if f == nil {
		return nil, fmt.Errorf("proc: %s names no open file", listenerEnv)
	}
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("proc: %w", err)
	}
	return l, nil
}

// Lifeline is the one that this process was given, nil if none was. It is to be
// asked for once.
func Lifeline() *os.File { return given(lifelineEnv) }

// NewLifeline makes one. It is cut when end is closed, which happens by itself
// when this process ends.
func NewLifeline() (line, end *os.File, err error) { return os.Pipe() }

// OnCut calls do when the lifeline is cut; never if it is nil.
func OnCut(line *os.File, do func()) {
	if line == nil {
		return
	}
	go func() {
		_, _ = io.Copy(io.Discard, line) // nobody writes: this ends when the line does
		do()
	}()
}

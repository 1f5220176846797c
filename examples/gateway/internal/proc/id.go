// Package proc starts processes that outlive the one that started them, and
// knows them again.
//
// A process is known by its number and the instant of its birth: numbers are
// used again. It gets its listener as an open file, so that whoever starts it
// knows the port beforehand, and a connection is refused only if there is no
// such process.
//
// Processes that nobody would stop hang on a lifeline: a pipe of which only the
// topmost process holds the other end. When that process ends, however it does,
// the line is cut, and those that hang on it end too.
package proc

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrGone says that a process has ended.
var ErrGone = errors.New("proc: the process has ended")

// An ID tells one process from all others, past ones included. The zero value is
// nobody.
type ID struct {
	Pid  int    `json:"pid"`
	Born string `json:"born"` // opaque; see Of
}

// Of returns the ID of the process that has a number now; ErrGone if none has.
func Of(pid int) (ID, error) {
	if pid <= 0 {
		return ID{}, ErrGone
	}
	born, err := born(pid)
	if err != nil {
		return ID{}, err
	}
	return ID{pid, born}, nil
}

// Self is the ID of this process.
func Self() (ID, error) { return Of(os.Getpid()) }

// Alive reports whether the process has not ended. One that ended and whose
// parent has not asked after it yet is not alive, one that was stopped is.
func (id ID) Alive() bool {
	now, err := Of(id.Pid)
	return err == nil && now == id
}

// Signal sends a signal. It returns ErrGone when the process has ended, and never
// hits another one that has its number now, where the system gives a handle on
// a process (Linux 5.4 and later).
func (id ID) Signal(s syscall.Signal) error {
	if id.Pid <= 0 {
		return ErrGone
	}
	p, err := os.FindProcess(id.Pid) // the handle first, then whose it is
	if err != nil {
		return fmt.Errorf("proc: %w", err)
	}
	defer p.Release() //nolint:errcheck // nothing to be done about it
	if !id.Alive() {
		return ErrGone
	}
	err = p.Signal(s)
	if errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH) {
		return ErrGone
	}
	if err != nil {
		return fmt.Errorf("proc: %w", err)
	}
	return nil
}

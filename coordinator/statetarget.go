package coordinator

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// savedScaled is what models and services share.
type savedScaled struct {
	Name    string
	Desired int
	Known   bool // its policy has been made
	Counted bool // Desired has been decided
	Frozen  time.Time
	Policy  json.RawMessage // of a policy.Saver; empty: none
	Seconds *savedSeconds
	Shadows []savedShadow
}

type savedSeconds struct {
	Seconds []policy.Second
	Since   int64
}

func (t *scaled) save() savedScaled {
	s := savedScaled{Name: t.id.Name, Desired: t.desired, Known: t.policy != nil, Counted: t.counted, Frozen: t.frozen, Shadows: t.saveShadows()}
	if saver, ok := t.policy.(policy.Saver); ok {
		s.Policy = saver.AppendState(nil)
	}
	if t.seconds != nil && len(t.seconds.buf) > 0 {
		s.Seconds = &savedSeconds{t.seconds.buf, t.seconds.since}
	}
	return s
}

func (s *savedSeconds) check() error {
	if s == nil {
		return nil
	}
	if len(s.Seconds) == 0 || len(s.Seconds) > 3*maxSeconds {
		return errors.New("a log of no seconds, or too many")
	}
	for i, x := range s.Seconds {
		if x.Unix != s.Seconds[0].Unix+int64(i) {
			return fmt.Errorf("second %d of the log is out of line", i)
		}
	}
	return nil
}

// restore takes over what was saved of a target with ready replicas, if
// anything. The error is the policy's, which then starts anew.
func (t *scaled) restore(s *savedScaled, at time.Time, ready int) error {
	t.policy, t.desired, t.counted, t.frozen, t.history, t.said = nil, 0, false, time.Time{}, nil, ""
	if t.seconds != nil {
		*t.seconds = secondsLog{}
	}
	if s == nil {
		return t.restoreShadows(nil, at, ready)
	}
	t.desired, t.counted, t.frozen = s.Desired, s.Counted || s.Known, s.Frozen
	if t.seconds != nil && s.Seconds != nil {
		*t.seconds = secondsLog{buf: s.Seconds.Seconds, since: s.Seconds.Since}
	}
	lost := t.restoreShadows(s.Shadows, at, ready)
	if !s.Known {
		return lost
	}
	return errors.Join(t.asker.restore(s.Policy, at, ready), lost)
}

// restore makes the policy with a saved memory, if there is one and it can.
func (a *asker) restore(state json.RawMessage, at time.Time, ready int) error {
	a.policy = a.newPolicy(at, ready)
	a.steps = make([]policy.Step, 0, 8)
	saver, ok := a.policy.(policy.Saver)
	if !ok || len(state) == 0 {
		return nil
	}
	if err := restorePolicy(saver, state); err != nil {
		a.policy = a.newPolicy(at, ready)
		return err
	}
	return nil
}

// restorePolicy contains the panic of a user's policy.
func restorePolicy(p policy.Saver, state []byte) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return p.Restore(state)
}

package coordinatortest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A Contract names one of the promises that adapters keep; the package comment
// says what each asks for.
type Contract string

// Options are settings of the kits with useful zero values.
type Options struct {
	// Bubble runs each check in a bubble of testing/synctest: for worlds in memory
	// whose time is time.Now. Waiting then costs nothing.
	Bubble bool
	// Timeout is how long calls are given while the world hangs; 0 is 100 ms.
	Timeout time.Duration
	// Patience is how long every other call is given, a call whose context has
	// ended to return, and goroutines to end after Close; 0 is 5 s.
	Patience time.Duration
	// Exempt are contracts that the adapter does not keep, and why. They are not
	// tried.
	Exempt map[Contract]string
}

func (o Options) filled() Options {
	o.Timeout = cmp.Or(o.Timeout, 100*time.Millisecond)
	o.Patience = cmp.Or(o.Patience, 5*time.Second)
	return o
}

// ErrUntried is wrapped by what the Check functions return for a contract that
// they could not try: a hook is missing.
var ErrUntried = errors.New("coordinatortest: not tried")

// A Violation is a contract broken.
type Violation struct {
	Contract Contract
	What     string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("coordinatortest: contract %q broken: %s", v.Contract, v.What)
}

// breach carries what was found wrong out of a check, as a panic: a check reads
// as a story, without an error to pass on after every step.
type breach struct{ err error }

// rig is what all checks have.
type rig struct {
	Options
	contract Contract
}

// broken ends the check: the contract is.
func (r *rig) broken(format string, args ...any) {
	panic(breach{&Violation{r.contract, fmt.Sprintf(format, args...)}})
}

func (r *rig) require(ok bool, format string, args ...any) {
	if !ok {
		r.broken(format, args...)
	}
}

// untried ends the check without a verdict.
func (r *rig) untried(why string) {
	panic(breach{fmt.Errorf("%w: contract %q: %s", ErrUntried, r.contract, why)})
}

// guarded turns what ends a check, or a panic of the adapter, into an error.
func (r *rig) guarded(try func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case breach:
			err = p.err
		default:
			err = &Violation{r.contract, fmt.Sprintf("panic: %v", p)}
		}
	}()
	try()
	return nil
}

// within calls do and waits for it no longer than limit. A panic of do is an
// error. What does not return is left behind.
func (r *rig) within(limit time.Duration, what string, do func() error) error {
	done := make(chan error, 1)
	go func() {
		var err error
		if caught := r.guarded(func() { err = do() }); caught != nil {
			done <- panicked{caught}
			return
		}
		done <- err
	}()
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case err := <-done:
		var p panicked
		if errors.As(err, &p) {
			panic(breach{p.error})
		}
		return err
	case <-late.C:
		r.broken("%s: no answer after %v", what, limit)
		return nil
	}
}

// panicked is a panic in a call.
type panicked struct{ error }

// check runs one contract's check. fresh makes what run needs and returns how to
// close it, nil for nothing to do.
func (r *rig) check(fresh func() (closing func(), err error), run func()) (err error) {
	whole := func() {
		closing, made := fresh()
		if made != nil {
			err = fmt.Errorf("coordinatortest: contract %q: no fresh world: %w", r.contract, made)
			return
		}
		err = r.guarded(run)
		if closing == nil {
			return
		}
		if failed := r.guarded(closing); err == nil {
			err = failed
		}
	}
	if r.contract != NoGoroutineLeft {
		whole()
		return err
	}
	if left := leftovers(r.Patience, whole); err == nil && left != "" {
		err = &Violation{r.contract, "after Close there are still\n" + left}
	}
	return err
}

// conform runs a subtest for each contract.
func conform(t *testing.T, contracts []Contract, o Options, check func(Contract) error) {
	t.Helper()
	for c, why := range o.Exempt {
		if !slices.Contains(contracts, c) {
			t.Errorf("coordinatortest: exempt from contract %q, which there is not", c)
		}
		if why == "" {
			t.Errorf("coordinatortest: exempt from contract %q without a reason", c)
		}
	}
	for _, c := range contracts {
		t.Run(string(c), func(t *testing.T) {
			if why := o.Exempt[c]; why != "" {
				t.Skip("exempt: " + why)
			}
			verdict := func(t *testing.T) {
				err := check(c)
				if errors.Is(err, ErrUntried) {
					t.Skip(err)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if o.Bubble {
				synctest.Test(t, verdict)
			} else {
				verdict(t)
			}
		})
	}
}

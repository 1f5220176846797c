package lag

import "sync/atomic"

// A Meter counts the requests of one target. Begin opens one, the token's End
// or Fail closes it; neither locks nor allocates.
//
// The zero value is ready for use. A Meter is safe for concurrent use and must
// not be copied after first use.
type Meter struct {
	begun, ended, failed atomic.Uint64
}

// Totals are the counts of a Meter since it came into being: begun, ended (with
// or without success) and, of those ended, failed. The zero value counts
// nothing. It is a plain value, free to copy.
type Totals struct {
	Begun, Ended, Failed uint64
}

// InFlight is the number of requests begun and not ended, >= 0.
func (t Totals) InFlight() uint64 {
	if t.Ended > t.Begun {
		return 0
	}
	return t.Begun - t.Ended
}

// Since returns the lag over the period from earlier to t: what came in minus
// what went out. It is negative when more ended than began.
func (t Totals) Since(earlier Totals) (lag int64) {
	return int64(t.Begun-earlier.Begun) - int64(t.Ended-earlier.Ended)
}

// Begin counts a request as begun. Its token counts the end, once.
func (m *Meter) Begin() Token {
	m.begun.Add(1)
	return Token{meter: m}
}

// Totals reads the counts. Ended is read before Begun, so that a request that
// passes meanwhile never makes Ended the larger one.
func (m *Meter) Totals() Totals {
	failed := m.failed.Load()
	ended := m.ended.Load()
	return Totals{Begun: m.begun.Load(), Ended: ended, Failed: failed}
}

// A Token stands for one request in flight. The first End or Fail of a token
// variable counts; later ones, and those of a zero Token, do nothing. A copy
// would count again: vet finds copies. It serves one goroutine at a time.
type Token struct {
	_     noCopy
	meter *Meter
}

// End counts the request as ended.
func (t *Token) End() { t.close(false) }

// Fail counts the request as ended and failed.
func (t *Token) Fail() { t.close(true) }

func (t *Token) close(failed bool) {
	m := t.meter
	if m == nil {
		return
	}
	t.meter = nil
	m.ended.Add(1)
	if failed {
		m.failed.Add(1)
	}
}

// noCopy makes vet's copylocks check report copies of the struct that holds it.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

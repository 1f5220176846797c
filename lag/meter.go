package lag

import (
	"math/bits"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// A Meter counts the requests of one target. Begin opens one, the token's End
// or Fail closes it; neither locks, and nothing allocates but the one growth of
// a meter that several processors fight for: it then counts in cells spread over
// cache lines, so that it scales with them.
//
// The zero value is ready for use. A Meter is safe for concurrent use and must
// not be copied after first use.
type Meter struct {
	_      noCopy
	inline cell
	spread atomic.Pointer[[]spreadCell] // nil until the inline cell was fought for
}

// cell is where requests are counted: each ends in the cell it began in.
type cell struct {
	begun, ended, failed atomic.Uint64
}

// spreadCell keeps to a cache line of its own, and to the pair of lines that
// processors fetch together.
type spreadCell struct {
	cell
	_ [128 - unsafe.Sizeof(cell{})]byte
}

// Begin counts a request as begun. Its token counts the end, once.
func (m *Meter) Begin() Token {
	c := &m.inline
	if cells := m.spread.Load(); cells != nil {
		c = pick(*cells)
		c.begun.Add(1)
	} else if n := c.begun.Load(); !c.begun.CompareAndSwap(n, n+1) {
		c = pick(*m.grow())
		c.begun.Add(1)
	}
	return Token{cell: c}
}

// grow spreads the meter over cells, once.
func (m *Meter) grow() *[]spreadCell {
	n := 1 << bits.Len(uint(4*runtime.GOMAXPROCS(0)-1))
	cells := make([]spreadCell, n)
	m.spread.CompareAndSwap(nil, &cells)
	return m.spread.Load()
}

// pick chooses a cell by where the goroutine's stack lies, which differs from
// one goroutine to the next and costs nothing to know.
func pick(cells []spreadCell) *cell {
	var here byte
	at := uint64(uintptr(unsafe.Pointer(&here))) >> 10
	at *= 0x9e3779b97f4a7c15 // Knuth, "The Art of Computer Programming", 6.4: multiplicative hashing
	return &cells[at>>32&uint64(len(cells)-1)].cell
}

// Totals reads the counts. In each cell what ended is read before what began, so
// that a request that passes meanwhile never makes Ended the larger one.
func (m *Meter) Totals() Totals {
	t := m.inline.totals()
	if cells := m.spread.Load(); cells != nil {
		for i := range *cells {
			t = t.Plus((*cells)[i].totals())
		}
	}
	return t
}

func (c *cell) totals() Totals {
	failed := c.failed.Load()
	ended := c.ended.Load()
	return Totals{Begun: c.begun.Load(), Ended: ended, Failed: failed}
}

// A Token stands for one request in flight. The first End or Fail of a token
// variable counts; later ones, and those of a zero Token, do nothing. A copy
// would count again: vet finds copies. It serves one goroutine at a time.
type Token struct {
	_    noCopy
	cell *cell
}

// End counts the request as ended.
func (t *Token) End() {
	if c := t.cell; c != nil {
		t.cell = nil
		c.ended.Add(1)
	}
}

// Fail counts the request as ended and failed.
func (t *Token) Fail() {
	if c := t.cell; c != nil {
		t.cell = nil
		c.ended.Add(1)
		c.failed.Add(1)
	}
}

// noCopy makes vet's copylocks check report copies of the struct that holds it.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

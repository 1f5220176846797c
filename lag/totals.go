package lag

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

// Plus adds the counts of another router or replica. Add what passed, not what
// the counters read: take Since of each origin first and then Plus. In a sum of
// readings one origin's restart can hide behind what the others counted, and an
// origin that goes away looks like a restart of all.
func (t Totals) Plus(other Totals) Totals {
	return Totals{t.Begun + other.Begun, t.Ended + other.Ended, t.Failed + other.Failed}
}

// Since returns what was counted between an earlier reading of the same counter,
// of one origin, and t: arrivals, completions and failures. When any count fell, the counter
// restarted, and what it counted since is all there is to tell: restarted is
// true then, and what was in flight before is lost to it.
func (t Totals) Since(earlier Totals) (passed Totals, restarted bool) {
	if t.Begun < earlier.Begun || t.Ended < earlier.Ended || t.Failed < earlier.Failed {
		return t, true
	}
	return Totals{t.Begun - earlier.Begun, t.Ended - earlier.Ended, t.Failed - earlier.Failed}, false
}

// Lag is the lag over a period, of what passed in it: what came in minus what
// went out. It is negative when more ended than began.
func (t Totals) Lag() int64 { return int64(t.Begun) - int64(t.Ended) }

package coordinator

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/bellows-go/bellows/internal/plain"
	"github.com/bellows-go/bellows/policy"
)

// AppendDeclarations appends d as JSON to dst: names of fields in lower camel
// case, durations as text, each policy as {"kind", "spec"} by kinds. The error
// names the field of what has no JSON.
func AppendDeclarations(dst []byte, d Declarations, kinds policy.Kinds) ([]byte, error) {
	return plain.Append(dst, d, configs(kinds))
}

// DecodeDeclarations reads declarations from JSON. The error names every fault
// with its path. It does not validate, see Declarations.Validate.
func DecodeDeclarations(data []byte, kinds policy.Kinds) (d Declarations, err error) {
	err = plain.Decode(data, &d, configs(kinds))
	return d, err
}

func configs(kinds policy.Kinds) plain.Options {
	types := plain.Kinds{}
	for name, c := range kinds {
		types[name] = reflect.TypeOf(c)
	}
	return plain.Options{reflect.TypeFor[policy.Config](): types}
}

// A ReplayLog writes what a planner saw and planned, a JSON line for each tick,
// so that [Replay] can plan it again. Start it before the first tick and after
// each Update or Restore. Of a [Coordinator], Options.OnTick is the place for its
// Tick. It serves one goroutine, that of the planner: do not Start it while a tick
// is under way.
type ReplayLog struct {
	w     io.Writer
	kinds policy.Kinds
	buf   []byte
}

// logLine is one line: what a planner starts from, or one tick.
type logLine struct {
	V            int
	Options      *PlannerOptions
	Declarations *Declarations
	State        *savedPlanner
	Snapshot     *Snapshot
	Plan         *Plan
}

// NewReplayLog returns a log that writes to w, one Write a line. kinds are those
// of the policies that are declared.
func NewReplayLog(w io.Writer, kinds policy.Kinds) *ReplayLog {
	return &ReplayLog{w: w, kinds: kinds}
}

// Start writes what p is made of and remembers. The error is the writer's, or
// names a policy that is of no kind.
func (l *ReplayLog) Start(p *Planner) error {
	s := p.saved()
	return l.write(&logLine{V: stateVersion, Options: &p.options, Declarations: &p.declared, State: &s})
}

// Tick writes what was seen and planned. The error is the writer's.
func (l *ReplayLog) Tick(s Snapshot, p Plan) error {
	return l.write(&logLine{V: stateVersion, Snapshot: &s, Plan: &p})
}

func (l *ReplayLog) write(line *logLine) error {
	buf, err := plain.Append(l.buf[:0], line, configs(l.kinds))
	if err != nil {
		return fmt.Errorf("coordinator: replay log: %w", err)
	}
	l.buf = append(buf, '\n')
	_, err = l.w.Write(l.buf)
	return err
}

// A ReplayError is a plan that came out differently.
type ReplayError struct {
	Line      int // from 1
	Want, Got string
}

func (e *ReplayError) Error() string {
	at := 0
	for at < len(e.Want) && at < len(e.Got) && e.Want[at] == e.Got[at] {
		at++
	}
	from := max(0, at-40)
	cut := func(s string) string { return s[min(from, len(s)):min(at+60, len(s))] }
	return fmt.Sprintf("coordinator: replay: line %d: the plan was …%s… and now is …%s…", e.Line, cut(e.Want), cut(e.Got))
}

// maxLine is the longest line of a log.
const maxLine = 1 << 30

// Replay plans again what a log tells of and returns how many ticks it has. The
// error is a *ReplayError where a plan differs in a single byte, or tells what
// cannot be read.
func Replay(r io.Reader, kinds policy.Kinds) (ticks int, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	var p *Planner
	for n := 1; lines.Scan(); n++ {
		var line logLine
		if err := plain.Decode(lines.Bytes(), &line, configs(kinds)); err != nil {
			return ticks, fmt.Errorf("coordinator: replay: line %d: %w", n, err)
		}
		switch {
		case line.V != stateVersion:
			return ticks, fmt.Errorf("coordinator: replay: line %d: version %d, can read %d", n, line.V, stateVersion)
		case line.Declarations != nil && line.Options != nil && line.State != nil:
			if p, err = NewPlanner(*line.Declarations, *line.Options); err == nil {
				err = p.restore(line.State)
			}
			if err != nil {
				return ticks, fmt.Errorf("coordinator: replay: line %d: %w", n, err)
			}
		case p == nil:
			return ticks, fmt.Errorf("coordinator: replay: line %d: a tick before a start", n)
		case line.Snapshot == nil:
			return ticks, fmt.Errorf("coordinator: replay: line %d: neither a start nor a tick", n)
		default:
			line.Plan = new(p.Plan(*line.Snapshot))
			got, err := plain.Append(nil, &line, configs(kinds))
			if err != nil {
				return ticks, fmt.Errorf("coordinator: replay: line %d: %w", n, err)
			}
			if !bytes.Equal(got, lines.Bytes()) {
				return ticks, &ReplayError{n, lines.Text(), string(got)}
			}
			ticks++
		}
	}
	if err := lines.Err(); err != nil {
		return ticks, fmt.Errorf("coordinator: replay: %w", err)
	}
	if p == nil {
		return 0, errors.New("coordinator: replay: an empty log")
	}
	return ticks, nil
}

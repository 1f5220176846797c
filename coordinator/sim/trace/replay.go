package trace

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bellows-go/bellows/coordinator/sim"
)

// Options say what of a trace is replayed, and how long its requests take.
type Options struct {
	Seed     uint64
	From, To time.Duration // of the trace's time; To 0 is its end; the replay starts at 0
	Thin     float64       // the share of requests that is kept, (0, 1]; 0 keeps all
	Service  Service
}

// Service says how long requests keep a slot busy: Table's mean for the model if
// it has one, else PerToken of each request's tokens if that is set, else Mean;
// times a lognormal factor of mean 1 with a coefficient of variation CV.
type Service struct {
	Mean     time.Duration
	CV       float64 // >= 0; 0 is constant
	PerToken *PerToken
	Table    map[string]time.Duration // by model
}

// PerToken is seconds of service for each input and output token.
type PerToken struct{ In, Out float64 }

// minService keeps every service time above zero.
const minService = time.Microsecond

// chunkSpan is how much of a replay is drawn at once.
const chunkSpan = time.Minute

// A Replay draws the requests of a trace; it is a sim.Workload. Close it.
type Replay struct {
	trace   *Trace
	options Options
	in      io.Closer
	rows    *rows
	ahead   row // the next row, if any
	more    bool
	from    time.Duration // of the next chunk, in replay time
	end     time.Duration // of the replay
	streams map[string]*stream
	order   []*stream // those with a request so far, by first appearance
	kept    int64
	sums    []float64 // scratch
}

// stream is what is drawn for one model.
type stream struct {
	name    string
	rng     *rand.Rand
	entered bool          // it is in order
	pending []sim.Request // drawn, ascending, not handed out yet
	mean    time.Duration // of service; that of all its requests
	fixed   time.Duration // the mean to draw around; 0: per token
}

// Open starts a replay. The error names every bad option.
func (t *Trace) Open(o Options) (*Replay, error) {
	if o.Thin == 0 {
		o.Thin = 1
	}
	end := t.Length
	if o.To > 0 {
		end = min(end, o.To)
	}
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: "+format, append([]any{t.Name}, args...)...))
		}
	}
	need(o.Thin > 0 && o.Thin <= 1, "the share kept must be in (0, 1], is %v", o.Thin)
	need(o.From >= 0 && o.To >= 0, "the span must not start or end before 0")
	need(o.From < end, "nothing lies between %v and %v: the trace is %v long", o.From, end, t.Length)
	s := o.Service
	need(s.CV >= 0 && s.CV <= 100, "the coefficient of variation must be in [0, 100], is %v", s.CV)
	if p := s.PerToken; p != nil {
		need(p.In >= 0 && p.Out >= 0 && p.In+p.Out > 0 && p.In+p.Out < 1e6, "service per token must be >= 0 and not all 0, is %v and %v", p.In, p.Out)
		need(t.Tokens, "service per token needs tokens in every row")
	} else {
		need(s.Mean > 0 && s.Mean <= 1000*time.Hour, "the mean service time must be in (0, 1000h], is %v", s.Mean)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	in, err := t.open()
	if err != nil {
		return nil, err
	}
	rows, err := readRows(t.Name, in)
	if err != nil {
		in.Close()
		return nil, err
	}
	r := &Replay{trace: t, options: o, in: in, rows: rows, end: end - o.From, streams: map[string]*stream{}}
	if err := r.read(); err != nil {
		in.Close()
		return nil, err
	}
	return r, nil
}

// Close ends the replay.
func (r *Replay) Close() error { return r.in.Close() }

// Length is how long the replay is.
func (r *Replay) Length() time.Duration { return r.end }

// Requests is the number of requests handed out so far.
func (r *Replay) Requests() int64 { return r.kept }

// Models is the number of models that have had a request so far.
func (r *Replay) Models() int { return len(r.order) }

// read moves on to the next row.
func (r *Replay) read() error {
	next, err := r.rows.next()
	if errors.Is(err, io.EOF) {
		r.more = false
		return nil
	}
	r.ahead, r.more = next, err == nil
	return err
}

// Next fills c with the requests of the next minute.
func (r *Replay) Next(c *sim.Chunk) error {
	if r.from >= r.end {
		return io.EOF
	}
	c.From, c.To = r.from, min(r.from+chunkSpan, r.end)
	for r.more && r.ahead.at-r.options.From < c.To {
		r.draw(&r.ahead)
		if err := r.read(); err != nil {
			return err
		}
	}
	r.from = c.To
	for len(c.Streams) < len(r.order) {
		c.Streams = append(c.Streams, sim.Stream{})
	}
	for i, s := range r.order {
		n := 0
		for n < len(s.pending) && s.pending[n].At < c.To {
			n++
		}
		out := &c.Streams[i]
		out.Model, out.MeanService = s.name, s.mean
		out.Requests = append(out.Requests[:0], s.pending[:n]...)
		s.pending = append(s.pending[:0], s.pending[n:]...)
		r.kept += int64(n)
	}
	return nil
}

// draw adds the requests of a row to its model's stream.
func (r *Replay) draw(row *row) {
	at := row.at - r.options.From
	if at < 0 && (!r.trace.Rates || at+r.trace.Step <= 0) {
		return
	}
	s := r.streams[row.model]
	if s == nil {
		s = r.newStream(row.model)
		r.streams[row.model] = s
	}
	if !r.trace.Rates {
		if r.options.Thin == 1 || s.rng.Float64() < r.options.Thin {
			r.keep(s)
			s.pending = append(s.pending, sim.Request{At: at, Service: r.service(s, row)})
		}
		return
	}
	n := binomial(s.rng, row.count, r.options.Thin)
	if n == 0 {
		return
	}
	// The order statistics of n uniform draws are partial sums of n+1
	// exponential ones over their total (Devroye, "Non-Uniform Random Variate
	// Generation", V.3.1).
	sum := 0.0
	r.sums = r.sums[:0]
	for range n {
		sum += s.rng.ExpFloat64()
		r.sums = append(r.sums, sum)
	}
	first := len(s.pending)
	scale := float64(r.trace.Step) / (sum + s.rng.ExpFloat64())
	for _, x := range r.sums {
		q := sim.Request{At: at + min(time.Duration(x*scale), r.trace.Step-1), Service: r.service(s, row)}
		if q.At >= 0 && q.At < r.end {
			r.keep(s)
			s.pending = append(s.pending, q)
		}
	}
	if first > 0 && first < len(s.pending) && s.pending[first].At < s.pending[first-1].At {
		// A second row of the same step.
		slices.SortStableFunc(s.pending, func(a, b sim.Request) int { return cmp.Compare(a.At, b.At) })
	}
}

// keep enters a stream with its first request.
func (r *Replay) keep(s *stream) {
	if !s.entered {
		s.entered = true
		r.order = append(r.order, s)
	}
}

func (r *Replay) newStream(model string) *stream {
	h := fnv.New64a()
	h.Write([]byte(model))
	s := &stream{name: model, rng: rand.New(rand.NewPCG(r.options.Seed, h.Sum64()))}
	service := &r.options.Service
	s.mean = r.trace.meanOf(model, service)
	if !service.perToken(model) {
		s.fixed = s.mean
	}
	return s
}

// perToken reports whether a model's service depends on the tokens.
func (s *Service) perToken(model string) bool {
	_, known := s.Table[model]
	return !known && s.PerToken != nil
}

// meanOf is the mean service time of a model's requests.
func (t *Trace) meanOf(model string, s *Service) time.Duration {
	if s.perToken(model) {
		m := t.tokens[model]
		return max(time.Duration((s.PerToken.In*m.in+s.PerToken.Out*m.out)/m.n*1e9), minService)
	}
	if mean, known := s.Table[model]; known {
		return max(mean, minService)
	}
	return max(s.Mean, minService)
}

// Catalog is what a user would know of the trace's models beforehand, sorted by
// name, and the mean service time of all requests.
func (t *Trace) Catalog(s Service) (models []sim.ModelInfo, mean time.Duration) {
	work := 0.0
	for _, name := range slices.Sorted(slices.Values(t.Models)) {
		m := sim.ModelInfo{Name: name, MeanService: t.meanOf(name, &s)}
		models = append(models, m)
		work += t.tokens[name].requests * m.MeanService.Seconds()
	}
	if t.Requests == 0 {
		return models, minService
	}
	return models, max(time.Duration(work/float64(t.Requests)*1e9), minService)
}

// service draws how long a request takes.
func (r *Replay) service(s *stream, row *row) time.Duration {
	mean := float64(s.fixed)
	if s.fixed == 0 {
		p := r.options.Service.PerToken
		mean = (p.In*row.in + p.Out*row.out) * 1e9
	}
	if cv := r.options.Service.CV; cv > 0 {
		v := math.Log1p(cv * cv)
		mean *= math.Exp(math.Sqrt(v)*s.rng.NormFloat64() - v/2)
	}
	return max(time.Duration(min(mean, 1e18)), minService)
}

// binomial draws how many of n are kept with probability p each.
func binomial(rng *rand.Rand, n int64, p float64) int64 {
	if p == 1 {
		return n
	}
	// By the gaps between those that are kept, which are geometric (Devroye,
	// X.4.2).
	kept := int64(0)
	for at := float64(0); ; kept++ {
		at += math.Floor(rng.ExpFloat64()/-math.Log1p(-p)) + 1
		if at > float64(n) {
			return kept
		}
	}
}

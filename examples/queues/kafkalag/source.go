package kafkalag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// A Group says whose lag is a target's load.
type Group struct {
	Target coordinator.TargetID // unique; its Name is not empty
	Group  string               // the consumer group; not empty
	Topics []string             // that it consumes, all partitions of each; not empty
	// FromEnd says that a consumer without a commit begins at the end of a topic
	// (auto.offset.reset=latest): without one nothing waits. Such a group never
	// wakes by itself. The zero value is from the start.
	FromEnd bool
	// Committed counts up to the last stable offset, as consumers that read committed
	// records only get them; otherwise records of open transactions count too.
	Committed bool
}

// Options are settings. Client and Groups must be set.
type Options struct {
	Client   *kgo.Client // asked by kadm; it is not closed, and need not consume
	Groups   []Group
	Parallel int // groups asked at once; 0 is 8
}

// A Source reads lags. It is safe for concurrent use. New makes one.
type Source struct {
	client   *kadm.Client
	parallel int
	groups   map[coordinator.TargetID]*Group

	mu     sync.Mutex                   // guards what follows
	useful map[coordinator.TargetID]int // as of the last Read
}

var _ coordinator.MetricSource = (*Source)(nil)

// New returns a Source. The error names every bad option; no broker is asked
// yet.
func New(o Options) (*Source, error) {
	var errs []error
	need := func(ok bool, field, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("kafkalag: Options.%s: %s", field, fmt.Sprintf(format, args...)))
		}
	}
	need(o.Client != nil, "Client", "must be set")
	need(o.Parallel >= 0, "Parallel", "must be >= 0, is %d", o.Parallel)
	need(len(o.Groups) > 0, "Groups", "must not be empty")
	s := &Source{parallel: o.Parallel, groups: map[coordinator.TargetID]*Group{}, useful: map[coordinator.TargetID]int{}}
	for i, g := range o.Groups {
		field := fmt.Sprintf("Groups[%d]", i)
		need(g.Target.Name != "", field+".Target.Name", "must not be empty")
		need(s.groups[g.Target] == nil, field+".Target", "%v stands twice", g.Target)
		need(g.Group != "", field+".Group", "must not be empty")
		need(len(g.Topics) > 0, field+".Topics", "must not be empty")
		g.Topics = slices.Clone(g.Topics)
		for k, topic := range g.Topics {
			need(topic != "", fmt.Sprintf("%s.Topics[%d]", field, k), "must not be empty")
			need(!slices.Contains(g.Topics[:k], topic), fmt.Sprintf("%s.Topics[%d]", field, k), "%s stands twice", topic)
		}
		s.groups[g.Target] = &g
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	s.client = kadm.NewClient(o.Client)
	if s.parallel == 0 {
		s.parallel = 8
	}
	return s, nil
}

// Useful is how many replicas of a target have work at most: as many as its
// topics have partitions, as of the last Read of it. 0 is not known.
func (s *Source) Useful(target coordinator.TargetID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.useful[target]
}

// Read asks for the wanted groups, some at once, and appends their samples. The
// error joins what went wrong with each; what did come is returned all the same.
func (s *Source) Read(ctx context.Context, want []coordinator.Series, dst []coordinator.Sample) ([]coordinator.Sample, error) {
	var errs []error
	asked := map[coordinator.TargetID]*lag{}
	var order []*lag
	for _, w := range want {
		g := s.groups[w.Target]
		if g != nil && (w.Name == policy.Errors || w.Name == policy.BusySeconds) {
			continue // a broker does not know them, and policies do without
		}
		if g == nil || w.Name != policy.InFlight && w.Name != policy.Begun && w.Name != policy.Ended {
			errs = append(errs, fmt.Errorf("kafkalag: nobody counts %v %s", w.Target, w.Name))
			continue
		}
		if asked[w.Target] == nil {
			asked[w.Target] = &lag{group: g, expected: s.Useful(w.Target)}
			order = append(order, asked[w.Target])
		}
	}
	next := make(chan *lag, len(order))
	for _, l := range order {
		next <- l
	}
	close(next)
	var all sync.WaitGroup
	for range min(s.parallel, len(order)) {
		all.Go(func() {
			for l := range next {
				l.ask(ctx, s.client)
			}
		})
	}
	all.Wait()
	s.mu.Lock()
	for _, l := range order {
		if n := len(l.partitions); l.err == nil || n > s.useful[l.group.Target] {
			s.useful[l.group.Target] = n
		}
	}
	s.mu.Unlock()
	for _, l := range order {
		if l.err != nil {
			errs = append(errs, fmt.Errorf("kafkalag: %v: group %s: %w", l.group.Target, l.group.Group, l.err))
		}
	}
	for _, w := range want {
		if l := asked[w.Target]; l != nil {
			dst = l.append(dst, w)
		}
	}
	return dst, errors.Join(errs...)
}

// A lag is what was found out about one group.
type lag struct {
	group      *Group
	expected   int       // partitions, as of an earlier Read
	at         time.Time // before anything was asked
	partitions []partition
	err        error // the partitions may be there all the same, some of them not known
}

// A partition is where one of them stands.
type partition struct {
	topic   string
	number  int32
	known   bool
	in, out int64 // offsets: of the next record to come in, of the next to be committed; 0 <= out <= in
}

// ask finds out how a group stands. Commits come first: what is committed later
// is still in the lag, and none is ever negative.
func (l *lag) ask(ctx context.Context, client *kadm.Client) {
	l.at = time.Now()
	g := l.group
	commits, err := client.FetchOffsets(ctx, g.Group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // which never committed
		l.err = fmt.Errorf("commits: %w", err)
		return
	}
	starts, startErr := client.ListStartOffsets(ctx, g.Topics...)
	tops, topErr := client.ListEndOffsets(ctx, g.Topics...)
	ends, endErr := tops, error(nil)
	if g.Committed {
		ends, endErr = client.ListCommittedOffsets(ctx, g.Topics...)
	}
	var errs []error
	if err := errors.Join(startErr, topErr, endErr); err != nil {
		errs = append(errs, fmt.Errorf("offsets: %w", err))
	}
	for _, topic := range g.Topics {
		found := false
		for _, number := range slices.Sorted(maps.Keys(ends[topic])) {
			if number < 0 { // an error of the whole topic
				continue
			}
			found = true
			p, err := l.partition(topic, number, commits, starts, ends, tops)
			if err != nil {
				errs = append(errs, err)
			}
			l.partitions = append(l.partitions, p)
		}
		if !found {
			errs = append(errs, fmt.Errorf("topic %s: no partition was found", topic))
		}
	}
	l.err = few(errs)
}

// few joins errors; of many partitions the first ones tell all.
func few(errs []error) error {
	const most = 4
	if n := len(errs) - most; n > 0 {
		errs = append(errs[:most:most], fmt.Errorf("and %d more", n))
	}
	return errors.Join(errs...)
}

// partition is where one stands; the error says why that is not known. tops are
// the ends of topics, open transactions included, ends what consumers get.
func (l *lag) partition(topic string, number int32, commits kadm.OffsetResponses, starts, ends, tops kadm.ListedOffsets) (partition, error) {
	p := partition{topic: topic, number: number}
	unknown := func(what string, err error) (partition, error) {
		return p, fmt.Errorf("%s/%d: %s: %w", topic, number, what, err)
	}
	start, ok := starts.Lookup(topic, number)
	switch end := ends[topic][number]; {
	case end.Err != nil:
		return unknown("end", end.Err)
	case !ok:
		return unknown("start", errors.New("not answered"))
	case start.Err != nil:
		return unknown("start", start.Err)
	default:
		p.in = max(end.Offset, start.Offset, 0)
	}
	p.out = max(start.Offset, 0)
	if l.group.FromEnd {
		p.out = p.in
	}
	top, known := tops.Lookup(topic, number)
	if !known || top.Err != nil {
		return unknown("end", cmp.Or(top.Err, errors.New("not answered")))
	}
	commit, ok := commits.Lookup(topic, number)
	switch {
	case ok && commit.Err != nil:
		return unknown("commit", commit.Err)
	case ok && commit.At >= 0 && commit.At <= top.Offset:
		// What was deleted unread waits no longer.
		p.out = min(max(commit.At, start.Offset, 0), p.in)
	}
	p.known = true
	return p, nil
}

// append appends the samples of one series.
func (l *lag) append(dst []coordinator.Sample, w coordinator.Series) []coordinator.Sample {
	if w.Name != policy.InFlight && w.Name != policy.Begun && w.Name != policy.Ended {
		return dst
	}
	total := coordinator.Sample{Series: w, At: l.at, Quality: policy.OK, Of: int32(len(l.partitions))}
	for _, p := range l.partitions {
		count := coordinator.Sample{
			Series: w, Origin: p.topic + "/" + strconv.Itoa(int(p.number)), Cumulative: true, At: l.at, Quality: policy.OK,
		}
		switch {
		case !p.known && w.Name != policy.InFlight:
			dst = append(dst, coordinator.Sample{Series: w, Origin: count.Origin, Quality: policy.Failed})
			continue
		case !p.known:
			continue
		case w.Name == policy.Begun:
			count.Value = float64(p.in)
		case w.Name == policy.Ended:
			count.Value = float64(p.out)
		default:
			total.Value += float64(p.in - p.out)
			total.Answered++
			continue
		}
		dst = append(dst, count)
	}
	switch {
	case w.Name != policy.InFlight || total.Answered == 0:
		return dst
	case l.err == nil:
		total.Answered, total.Of = 0, 0
	default:
		// Of a broker or topic that did not answer the partitions may not be known.
		total.Quality, total.Of = policy.Partial, max(total.Of, int32(l.expected), total.Answered+1)
	}
	return append(dst, total)
}

package coordinator

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A StatePart is a piece of a planner's saved state, small enough for a store
// with a limit on sizes (a ConfigMap, say).
type StatePart struct {
	Group string // whose memory it is; "" of all services
	Index int    // among the parts of its group, from 0
	// Lossy parts hold samples only. Without them a restored planner waits for new
	// ones and shrinks nothing until it has them; without any other part it is not
	// restored.
	Lossy bool
	Last  bool   // of the parts of its group that are not lossy
	Data  []byte // gzip of JSON
}

// maxPart keeps a part from unpacking to more than a planner could have saved.
const maxPart = 256 << 20

// StateParts gives what AppendState does in parts of at most limit bytes each,
// group by group in the order of their names, lossy parts last. The error says
// that the memory of a single model or service is larger than limit.
func (p *Planner) StateParts(limit int) ([]StatePart, error) {
	var kept, lossy []StatePart
	for _, s := range p.saved().Groups {
		own, series := s, s
		own.Series, series.Models, series.Services, series.Pool = nil, nil, nil, nil
		index := 0
		add := func(to *[]StatePart, s savedGroup, isLossy bool) error {
			pieces, err := p.pack(s, limit)
			for _, data := range pieces {
				*to = append(*to, StatePart{Group: s.Name, Index: index, Lossy: isLossy, Data: data})
				index++
			}
			return err
		}
		if err := add(&kept, own, false); err != nil {
			return nil, err
		}
		kept[len(kept)-1].Last = true
		if len(series.Series) > 0 {
			if err := add(&lossy, series, true); err != nil {
				return nil, err
			}
		}
	}
	return append(kept, lossy...), nil
}

// pack compresses the memory of a group, in halves as long as it is too large.
func (p *Planner) pack(g savedGroup, limit int) ([][]byte, error) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(appendPlain(nil, &savedPlanner{V: stateVersion, At: p.last, Groups: []savedGroup{g}}))
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("coordinator: state: %w", err) // a buffer does not fail
	}
	if packed.Len() <= limit {
		return [][]byte{packed.Bytes()}, nil
	}
	if len(g.Models)+len(g.Services)+len(g.Series) < 2 {
		return nil, fmt.Errorf("coordinator: state: group %q: a single memory takes %d bytes, more than %d", g.Name, packed.Len(), limit)
	}
	first, second := g, g
	first.Models, second.Models = halves(g.Models)
	first.Services, second.Services = halves(g.Services)
	first.Series, second.Series = halves(g.Series)
	a, err := p.pack(first, limit)
	if err != nil {
		return nil, err
	}
	b, err := p.pack(second, limit)
	return append(a, b...), err
}

func halves[T any](list []T) (first, second []T) { return list[:len(list)/2], list[len(list)/2:] }

// RestoreParts is Restore of parts, in any order. Lossy ones may be missing, as
// may all parts of a group: it starts anew. What remains must be whole, and of
// one plan.
func (p *Planner) RestoreParts(parts []StatePart) error {
	parts = slices.Clone(parts)
	slices.SortFunc(parts, func(a, b StatePart) int { return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Index, b.Index)) })
	all := savedPlanner{V: stateVersion}
	for i, part := range parts {
		s, err := part.open()
		if err != nil {
			return fmt.Errorf("coordinator: restore: part %d of group %q: %w", part.Index, part.Group, err)
		}
		if i > 0 && !s.At.Equal(all.At) {
			return fmt.Errorf("coordinator: restore: part %d of group %q is of another plan than the first", part.Index, part.Group)
		}
		all.At = s.At
		if n := len(all.Groups); n > 0 && all.Groups[n-1].Name == part.Group {
			all.Groups[n-1].Models = append(all.Groups[n-1].Models, s.Groups[0].Models...)
			all.Groups[n-1].Services = append(all.Groups[n-1].Services, s.Groups[0].Services...)
			all.Groups[n-1].Series = append(all.Groups[n-1].Series, s.Groups[0].Series...)
		} else {
			all.Groups = append(all.Groups, s.Groups[0])
		}
	}
	if err := whole(parts); err != nil {
		return err
	}
	return p.restore(&all)
}

// whole reports a part that is missing or stands twice among sorted ones.
func whole(parts []StatePart) error {
	ended := map[string]bool{}
	for i, part := range parts {
		first := i == 0 || parts[i-1].Group != part.Group
		switch {
		case !first && parts[i-1].Index == part.Index:
			return fmt.Errorf("coordinator: restore: part %d of group %q stands twice", part.Index, part.Group)
		case !part.Lossy && (first && part.Index != 0 || !first && part.Index != parts[i-1].Index+1):
			return fmt.Errorf("coordinator: restore: a part of group %q is missing before part %d", part.Group, part.Index)
		}
		ended[part.Group] = ended[part.Group] || part.Last
	}
	for _, part := range parts {
		if !ended[part.Group] {
			return fmt.Errorf("coordinator: restore: the last part of group %q is missing", part.Group)
		}
	}
	return nil
}

func (part *StatePart) open() (*savedPlanner, error) {
	r, err := gzip.NewReader(bytes.NewReader(part.Data))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxPart+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxPart {
		return nil, fmt.Errorf("unpacks to more than %d bytes", maxPart)
	}
	s, err := readState(data)
	if err != nil {
		return nil, err
	}
	if len(s.Groups) != 1 || s.Groups[0].Name != part.Group {
		return nil, errors.New("holds another group")
	}
	return s, nil
}

package sim

// merged is a workload whose models are one.
type merged struct {
	of       Workload
	chunk    Chunk
	tenants  []*tenant
	arrivals []arrival
	heap     []head
}

func (m *merged) Next(c *Chunk) error {
	if err := m.of.Next(&m.chunk); err != nil {
		return err
	}
	for i := len(m.tenants); i < len(m.chunk.Streams); i++ {
		m.tenants = append(m.tenants, &tenant{index: i})
	}
	m.arrivals, m.heap = merge(m.arrivals[:0], m.heap, m.chunk.Streams, m.tenants)
	c.From, c.To = m.chunk.From, m.chunk.To
	if len(c.Streams) == 0 {
		if len(m.arrivals) == 0 {
			return nil
		}
		c.Streams = append(c.Streams, Stream{Model: group, MeanService: m.chunk.Streams[0].MeanService})
	}
	s := &c.Streams[0]
	s.Requests = s.Requests[:0]
	for _, a := range m.arrivals {
		s.Requests = append(s.Requests, a.Request)
	}
	return nil
}

// head is a stream of which something is still to come.
type head struct {
	reqs   []Request
	tenant *tenant
}

func (a *head) before(b *head) bool {
	x, y := a.reqs[0].At, b.reqs[0].At
	return x < y || x == y && a.tenant.index < b.tenant.index
}

// merge appends the requests of all streams in the order of their times, those of
// one instant in the order of their models. heap is scratch, to be passed again.
func merge(dst []arrival, heap []head, streams []Stream, tenants []*tenant) ([]arrival, []head) {
	heap = heap[:0]
	for i, s := range streams {
		if len(s.Requests) > 0 {
			heap = append(heap, head{s.Requests, tenants[i]})
		}
	}
	for i := len(heap)/2 - 1; i >= 0; i-- {
		sinkHead(heap, i)
	}
	for len(heap) > 0 {
		h := &heap[0]
		dst = append(dst, arrival{h.reqs[0], h.tenant})
		if h.reqs = h.reqs[1:]; len(h.reqs) == 0 {
			last := len(heap) - 1
			heap[0], heap[last] = heap[last], head{}
			heap = heap[:last]
		}
		if len(heap) > 1 {
			sinkHead(heap, 0)
		}
	}
	return dst, heap
}

func sinkHead(h []head, i int) {
	x := h[i]
	for {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h[c+1].before(&h[c]) {
			c++
		}
		if !h[c].before(&x) {
			break
		}
		h[i] = h[c]
		i = c
	}
	h[i] = x
}

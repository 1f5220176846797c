package debug

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// How long a client may take to accept an event, how many it may be behind, and
// how long a stream is silent at most.
const (
	streamPatience = 5 * time.Second
	streamBehind   = 8
	streamSilence  = 15 * time.Second
)

// A stream is one client of events. Tick fills it, the client's own request
// empties it; closed is the end.
type stream struct{ events chan []byte }

// An event is the data of one.
type event struct {
	V       int       `json:"v"`
	Tick    uint64    `json:"tick"`
	At      time.Time `json:"at"`
	Desired int       `json:"desired"`
	Ready   int       `json:"ready"`
	Now     int       `json:"now"`
	Later   int       `json:"later"`
	Refused int       `json:"refused"`
	Faults  int       `json:"faults"`
	Errors  int       `json:"errors"`
}

// send gives a tick to all streams; who is too far behind is dropped. h.mu is
// held.
func (h *Handler) send(t coordinator.Tick) {
	if len(h.streams) == 0 {
		return
	}
	e := event{
		V: version, Tick: h.tick, At: t.Plan.At.UTC(), Now: len(t.Plan.Now), Later: len(t.Plan.Later), Faults: len(t.Plan.Faults), Errors: len(failures(t)),
	}
	for i := range t.Plan.Models {
		e.Desired += t.Plan.Models[i].Desired
		e.Ready += t.Plan.Models[i].Ready
	}
	for _, r := range t.Plan.Refused {
		e.Refused += r.Items
	}
	raw, err := json.Marshal(e)
	if err != nil {
		panic("debug: an event that is no JSON: " + err.Error()) // numbers and a time
	}
	raw = fmt.Appendf(nil, "id: %d\nevent: tick\ndata: %s\n\n", h.tick, raw)
	for s := range h.streams {
		select {
		case s.events <- raw:
		default:
			h.drop(s)
		}
	}
}

// drop ends a stream; h.mu is held. It may have been dropped already.
func (h *Handler) drop(s *stream) {
	if _, ok := h.streams[s]; ok {
		delete(h.streams, s)
		close(s.events)
	}
}

// Close ends all streams, and refuses new ones. The pages stay. It is made for
// http.Server.RegisterOnShutdown: Shutdown waits for requests under way, and a
// stream ends no sooner than its client wants.
func (h *Handler) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for s := range h.streams {
		h.drop(s)
	}
}

// open returns a new stream, unless there are too many.
func (h *Handler) open() (*stream, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.streams) >= h.options.Streams {
		return nil, false
	}
	s := &stream{make(chan []byte, streamBehind)}
	h.streams[s] = struct{}{}
	return s, true
}

// events serves a stream until the client goes, is too slow, or Close.
func (h *Handler) events(w http.ResponseWriter, r *http.Request) {
	s, ok := h.open()
	if !ok {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many clients", http.StatusServiceUnavailable)
		return
	}
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.drop(s)
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // or the last deadline would hit what comes next
	}
	out := http.NewResponseController(w)
	write := func(text []byte) bool {
		// A writer that knows no deadlines can only be dropped for being behind.
		_ = out.SetWriteDeadline(time.Now().Add(streamPatience))
		_, err := w.Write(text)
		return err == nil && out.Flush() == nil
	}
	if r.Method == http.MethodHead || !write([]byte("retry: 3000\n\n")) {
		return
	}
	silence := time.NewTicker(streamSilence)
	defer silence.Stop()
	for {
		text := []byte(":\n\n") // tells whether the client is still there
		select {
		case <-r.Context().Done():
			return
		case <-silence.C:
		case e, more := <-s.events:
			if !more {
				return
			}
			text = e
		}
		if !write(text) {
			return
		}
	}
}

package modelserver

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// maxBody is the longest request that is answered, in bytes.
const maxBody = 1 << 20

// crashed is the exit status of a server that was told to crash.
const crashed = 3

// Handler serves what package wire lists of a model server.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { wire.Answer(w, s.state()) })
	mux.HandleFunc("POST /load", func(w http.ResponseWriter, r *http.Request) {
		var o wire.LoadOrder
		if !wire.Decode(w, r, &o) {
			return
		}
		if err := s.load(o); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("POST /unload", func(w http.ResponseWriter, r *http.Request) {
		var o wire.LoadOrder
		if wire.Decode(w, r, &o) {
			s.unload(o)
		}
	})
	mux.HandleFunc("/v1/models/{model}/{rest...}", s.serve)
	if s.Faults {
		mux.HandleFunc("POST /fault/crash", func(http.ResponseWriter, *http.Request) { os.Exit(crashed) })
		// Nothing answers any more, not even to a signal but SIGKILL.
		mux.HandleFunc("POST /fault/hang", func(http.ResponseWriter, *http.Request) { _ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) })
	}
	return wire.Local(mux)
}

// serve does a request for a model: it waits for as long as the model takes, and
// says what was asked.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	model, version := r.PathValue("model"), r.Header.Get(wire.ModelVersion)
	id := r.Header.Get(wire.RequestID)
	x, refused := s.begin(r.Header.Get(wire.Server), model, version)
	if refused != "" {
		s.note("refused "+refused, model, id)
		w.Header().Set(wire.Refused, refused)
		http.Error(w, s.Name+": "+model+": "+refused, http.StatusServiceUnavailable)
		return
	}
	defer s.end(x)
	s.note("began", model, id)
	asked, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if x.order.ServeTime > 0 {
		work := time.NewTimer(x.order.ServeTime)
		defer work.Stop()
		select {
		case <-work.C:
		case <-r.Context().Done():
			return
		case <-x.ctx.Done():
			http.Error(w, model+" was unloaded", http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(asked)
}

// note writes a line of the journal, in one piece.
func (s *Server) note(what, model, id string) {
	if s.Journal != nil {
		_, _ = fmt.Fprintf(s.Journal, "%s\t%s\t%s\t%s\n", s.Name, what, model, id)
	}
}

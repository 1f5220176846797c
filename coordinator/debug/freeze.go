package debug

import (
	"net/http"
	"net/url"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// maxFreeze is the longest freeze: a forgotten one must end some day.
const maxFreeze = 7 * 24 * time.Hour

// freeze freezes a target, or ends that, as a form says: kind ("model", "service"
// or "group"), name, do ("freeze" or "unfreeze") and for (a duration).
func (h *Handler) freeze(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	watched := h.watched
	h.mu.Unlock()
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		http.Error(w, "only POST", http.StatusMethodNotAllowed)
		return
	}
	if h.options.Authorize == nil || watched == nil {
		http.Error(w, "these pages are read-only", http.StatusForbidden)
		return
	}
	if err := h.origin.Check(r); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	if err := h.options.Authorize(r); err != nil {
		http.Error(w, "not authorised: "+err.Error(), http.StatusForbidden)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<13)
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	target, until, fault := wish(r.PostForm)
	if fault != "" {
		http.Error(w, fault, http.StatusBadRequest)
		return
	}
	if err := watched.Freeze(target, until); err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	back := "servers"
	switch target.Kind {
	case coordinator.TargetModel:
		back = "model?" + url.Values{"name": {target.Name}}.Encode()
	case coordinator.TargetService:
		back = "./" // where services are listed
	}
	// http.Redirect would make this absolute, without a prefix that was stripped.
	w.Header().Set("Location", back)
	w.WriteHeader(http.StatusSeeOther)
}

// wish reads a form.
func wish(form url.Values) (target coordinator.TargetID, until time.Time, fault string) {
	target.Name = form.Get("name")
	if err := target.Kind.UnmarshalText([]byte(form.Get("kind"))); err != nil {
		return target, until, "kind must be model, group or service"
	}
	switch form.Get("do") {
	case "unfreeze":
		return target, until, ""
	case "freeze":
		d, err := time.ParseDuration(form.Get("for"))
		if err != nil || d <= 0 || d > maxFreeze {
			return target, until, "for must be a duration above 0s and up to " + maxFreeze.String()
		}
		return target, time.Now().Add(d), ""
	}
	return target, until, "do must be freeze or unfreeze"
}

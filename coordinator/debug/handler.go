package debug

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// Options are settings with useful zero values; numbers <= 0 mean the default.
type Options struct {
	Title     string // of the pages; "" is "Bellows"
	Decisions int    // lines of the timeline that are kept; default 200
	Points    int    // ticks of load and counts that are kept of each model; default 120
	Streams   int    // clients of events at a time; default 32

	// Authorize switches freezing on. It is asked for every freeze, which is a POST
	// that came from the pages themselves or from no browser, and an error, whose
	// text the client gets to see, refuses it. nil: the pages are read-only.
	Authorize func(*http.Request) error
}

// A Handler serves the pages of one coordinator. New makes one. It is safe for
// concurrent use, and starts no goroutine.
type Handler struct {
	options Options
	origin  *http.CrossOriginProtection

	mu        sync.Mutex // guards what follows
	watched   *coordinator.Coordinator
	tick      uint64
	looked    time.Time // when somebody last asked for a page
	picture   *picture  // the last one, never changed once it is here; nil before the first tick
	trails    []trail   // in the order of Plan.Models
	entries   []entry   // oldest first
	scaled    map[string]scaling
	explained map[string]coordinator.Explained // as of explainedAt
	asOf      uint64
	streams   map[*stream]struct{}
	closed    bool
}

// New returns a handler that shows what its Tick is told.
func New(o Options) *Handler {
	if o.Title == "" {
		o.Title = "Bellows"
	}
	atLeastOne := func(n *int, otherwise int) {
		if *n <= 0 {
			*n = otherwise
		}
	}
	atLeastOne(&o.Decisions, 200)
	atLeastOne(&o.Points, 120)
	atLeastOne(&o.Streams, 32)
	return &Handler{
		options: o, origin: http.NewCrossOriginProtection(), scaled: map[string]scaling{}, streams: map[*stream]struct{}{},
	}
}

// Watch tells whom to ask for what is not in a tick: declarations, explanations
// and freezes. Without it the pages do without these.
func (h *Handler) Watch(c *coordinator.Coordinator) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watched = c
}

//go:embed assets
var assets embed.FS

// static are the files that pages refer to.
var static = map[string]string{
	"debug.css": "text/css; charset=utf-8",
	"debug.js":  "text/javascript; charset=utf-8",
	"icon.svg":  "image/svg+xml",
}

// policyOfContent lets a page load its own files and talk to its own origin,
// and nothing else; scripts and styles within the page do not count.
const policyOfContent = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP serves pages, their JSON and events.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range map[string]string{
		"Content-Security-Policy":      policyOfContent,
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
		// Not no-referrer: browsers then send "Origin: null" with a form, which
		// could not be told from another site's.
		"Referrer-Policy": "same-origin",
	} {
		w.Header().Set(name, value)
	}
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if name == "freeze" {
		h.freeze(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	if kind, ok := static[name]; ok {
		body, err := assets.ReadFile(path.Join("assets", name))
		if err != nil {
			panic("debug: " + err.Error()) // embedded
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(body) // a client that is gone
		return
	}
	if name == "events" {
		h.events(w, r)
		return
	}
	h.page(w, r, name)
}

// A layout is what a page's template gets.
type layout struct {
	Title, Here, Twin string
	CanFreeze         bool
	Head              head
	Body              any
}

// pages are the pages by their name; "models" is the one without.
var pages = map[string]func(*Handler, *glance, query) (body any, found bool){
	"models":   (*Handler).models,
	"servers":  (*Handler).servers,
	"timeline": (*Handler).timeline,
	"plan":     (*Handler).plan,
	"model":    (*Handler).model,
}

// page serves a page or its twin.
func (h *Handler) page(w http.ResponseWriter, r *http.Request, name string) {
	name, twin := strings.CutSuffix(name, ".json")
	if name == "" && !twin {
		name = "models"
	}
	build, ok := pages[name]
	if !ok {
		http.Error(w, "no such page", http.StatusNotFound)
		return
	}
	g := h.glance()
	body, found := build(h, g, newQuery(r.URL.Query()))
	if !found {
		http.Error(w, "no such model, or not seen yet", http.StatusNotFound)
		return
	}
	var out bytes.Buffer
	var err error
	if twin {
		w.Header().Set("Content-Type", "application/json")
		err = json.NewEncoder(&out).Encode(body)
	} else {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		l := layout{Title: h.options.Title, Here: name, Twin: name + ".json", CanFreeze: h.options.Authorize != nil && g.watched != nil, Head: g.head(), Body: body}
		if r.URL.RawQuery != "" {
			l.Twin += "?" + r.URL.Query().Encode()
		}
		err = templates[name].ExecuteTemplate(&out, "layout", l)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(out.Bytes()) // a client that is gone
}

// templates are the pages' templates, each with the layout around it.
var templates = func() map[string]*template.Template {
	all := map[string]*template.Template{}
	shared := template.Must(template.New("").Funcs(functions).ParseFS(assets, "assets/layout.html"))
	for name := range pages {
		all[name] = template.Must(template.Must(shared.Clone()).ParseFS(assets, "assets/"+name+".html"))
	}
	return all
}()

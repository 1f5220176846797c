package debug_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/debug"
)

// freezeHostile is a form that does it.
var freezeHostile = url.Values{"kind": {"model"}, "name": {hostile}, "do": {"freeze"}, "for": {"1h"}}

func TestFreeze(t *testing.T) {
	allow := func(r *http.Request) error {
		if r.Header.Get("Authorization") != "Bearer me" {
			return errors.New("who are you?")
		}
		return nil
	}
	form := freezeHostile
	with := func(key, value string) string {
		changed := url.Values{}
		for k, v := range form {
			changed[k] = v
		}
		changed.Set(key, value)
		return changed.Encode()
	}
	me := map[string]string{"Authorization": "Bearer me"}
	and := func(key, value string) map[string]string {
		return map[string]string{"Authorization": "Bearer me", key: value}
	}
	for _, c := range []struct {
		name      string
		authorize func(*http.Request) error
		method    string
		header    map[string]string
		body      string
		code      int
		frozen    bool
	}{
		{"a freeze", allow, "POST", me, form.Encode(), 303, true},
		{"from the pages", allow, "POST", and("Sec-Fetch-Site", "same-origin"), form.Encode(), 303, true},
		{"from an older browser", allow, "POST", and("Origin", "http://example.com"), form.Encode(), 303, true},
		{"read-only unless switched on", nil, "POST", me, form.Encode(), 403, false},
		{"not authorised", allow, "POST", nil, form.Encode(), 403, false},
		{"from another site", allow, "POST", and("Sec-Fetch-Site", "cross-site"), form.Encode(), 403, false},
		{"from a sister site", allow, "POST", and("Sec-Fetch-Site", "same-site"), form.Encode(), 403, false},
		{"from another origin", allow, "POST", and("Origin", "http://evil.example"), form.Encode(), 403, false},
		{"from nowhere", allow, "POST", and("Origin", "null"), form.Encode(), 403, false},
		{"a link", allow, "GET", me, "", 405, false},
		{"another method", allow, "PUT", me, form.Encode(), 405, false},
		{"an unknown kind", allow, "POST", me, with("kind", "server"), 400, false},
		{"an unknown deed", allow, "POST", me, with("do", "melt"), 400, false},
		{"no duration", allow, "POST", me, with("for", "soon"), 400, false},
		{"no time", allow, "POST", me, with("for", "0s"), 400, false},
		{"too long", allow, "POST", me, with("for", "169h"), 400, false},
		{"too much", allow, "POST", me, with("name", strings.Repeat("x", 1<<14)), 400, false},
		{"nobody", allow, "POST", me, with("name", "nobody"), 404, false},
		{"a model is no group", allow, "POST", me, with("kind", "group"), 404, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { tryFreeze(t, c.authorize, c.method, c.header, c.body, c.code, c.frozen) })
		})
	}
}

// tryFreeze asks for a freeze of the hostile model and looks at what comes of it.
func tryFreeze(t *testing.T, authorize func(*http.Request) error, method string, header map[string]string, body string, code int, frozen bool) {
	r := newRig(t, debug.Options{Authorize: authorize})
	r.tick(1)
	target := "/p/freeze"
	if method == http.MethodGet {
		target += "?" + freezeHostile.Encode()
	}
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for k, v := range header {
		req.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	r.pages.ServeHTTP(w, req)
	require.Equal(t, code, w.Code, w.Body)
	want := map[coordinator.TargetID]time.Time{}
	if frozen {
		want[coordinator.TargetID{Name: hostile}] = time.Now().Add(time.Hour)
		require.Equal(t, "model?name=%3Cscript%3Ealert%281%29%3C%2Fscript%3E", w.Header().Get("Location"))
	}
	require.Equal(t, want, r.loop.Frozen())
}

// The forms are there only where they work, and unfreezing undoes freezing.
func TestFreezeForms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		readOnly := newRig(t, debug.Options{})
		readOnly.tick(1)
		require.NotContains(t, readOnly.get("/model?name=llama"), `method="post"`)
		require.NotContains(t, readOnly.get("/servers"), `method="post"`)

		r := newRig(t, debug.Options{Authorize: func(*http.Request) error { return nil }})
		r.tick(1)
		require.Contains(t, r.get("/model?name=llama"), `method="post" action="freeze"`)
		require.Contains(t, r.get("/servers"), `<option>a/b?c&amp;d</option>`)
		group := url.Values{"kind": {"group"}, "name": {"a/b?c&d"}, "do": {"freeze"}, "for": {"10m"}}
		w := r.do(http.MethodPost, "/freeze", group.Encode())
		require.Equal(t, "servers", w.Header().Get("Location"))
		require.Contains(t, r.get("/servers"), "frozen until")
		group.Set("do", "unfreeze")
		r.do(http.MethodPost, "/freeze", group.Encode())
		require.NotContains(t, r.get("/servers"), "frozen until")
	})
}

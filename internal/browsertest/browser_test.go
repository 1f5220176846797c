// Package browsertest looks at the debug page with a real browser.
//
// It needs chromium: on Debian, apt-get install --no-install-recommends
// chromium. Without one its tests are skipped, unless BELLOWS_BROWSER=must.
// BELLOWS_BROWSER may also be the path of one. BELLOWS_SCREENSHOTS is a
// directory for pictures of all pages.
package browsertest

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser returns the path of a browser, or skips the test.
func browser(t *testing.T) string {
	wish := os.Getenv("BELLOWS_BROWSER")
	for _, name := range []string{wish, "chromium", "chromium-browser", "google-chrome"} {
		if name == "" || name == "must" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if wish != "" {
		t.Fatal("no chromium found, and BELLOWS_BROWSER wants one")
	}
	t.Skip("no chromium found: install it, or set BELLOWS_BROWSER to its path")
	return ""
}

// A witness notes what a tab must not do.
type witness struct {
	mu   sync.Mutex
	seen []string
}

func (w *witness) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, what)
}

// clean fails the test if the tab did anything that it must not.
func (w *witness) clean(t *testing.T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Empty(t, w.seen)
}

// launch starts the browser that all tests share.
func launch(t *testing.T) context.Context {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser(t)), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP "+host+" 127.0.0.1"), chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithErrorf(t.Logf))
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	return ctx
}

// tab opens a tab that may only talk to the site.
func tab(t *testing.T, browser context.Context, s *site) (context.Context, *witness) {
	ctx, cancel := context.WithTimeout(browser, time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	w := &witness{}
	require.NoError(t, chromedp.Listen(ctx, func(e any) {
		switch e := e.(type) {
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, s.url) {
				w.note("request to " + e.Request.URL)
			}
		case *network.EventWebSocketCreated:
			w.note("web socket to " + e.URL)
		case *runtime.EventConsoleAPICalled:
			w.note("console: " + string(e.Type))
		case *runtime.EventExceptionThrown:
			w.note("exception: " + e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			w.note("log: " + e.Entry.Text + " " + e.Entry.URL)
		case *page.EventJavascriptDialogOpening:
			w.note("dialog: " + e.Message)
		}
	}))
	return ctx, w
}

// follow does what leads to another page and waits until that has loaded.
func follow(t *testing.T, ctx context.Context, do string) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	loaded := chromedp.Events(ctx, page.LoadEventFired)
	evaluate[bool](t, ctx, `(() => { `+do+`; return true; })()`)
	for _, err := range loaded {
		require.NoError(t, err)
		return
	}
}

// until waits until a condition holds in the page, without the eval that its
// policy forbids.
func until(t *testing.T, ctx context.Context, condition string) {
	t.Helper()
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`new Promise(done => {
		const look = () => { if (`+condition+`) { watch.disconnect(); done(true); } };
		const watch = new MutationObserver(look);
		watch.observe(document.documentElement, { subtree: true, childList: true, characterData: true, attributes: true });
		look();
	})`, chromedp.EvalAwaitPromise))
	require.NoError(t, err, condition)
}

func evaluate[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	require.NoError(t, err, expression)
	return v
}

func visit(t *testing.T, ctx context.Context, s *site, page string) {
	t.Helper()
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(s.url+page)))
}

func TestBrowser(t *testing.T) {
	ctx := launch(t)
	t.Run("live", func(t *testing.T) { testLive(t, ctx) })
	t.Run("hostile name", func(t *testing.T) { testHostileName(t, ctx) })
	t.Run("freeze", func(t *testing.T) { testFreeze(t, ctx) })
	t.Run("looks", func(t *testing.T) { testLooks(t, ctx) })
}

// What happens is seen without a reload, and the reader's place is kept.
func testLive(t *testing.T, browser context.Context) {
	s := newSite(t)
	ctx, w := tab(t, browser, s)
	s.tick(ctx)
	visit(t, ctx, s, "")
	until(t, ctx, `document.getElementById("live").textContent === "live"`)
	evaluate[bool](t, ctx, `(() => { window.stays = true; [...document.querySelectorAll("#models a")].find(a => a.textContent === "whisper").focus(); return true; })()`)
	s.fleet.Arrive("whisper", 25)
	s.tick(ctx)
	until(t, ctx, `[...document.querySelectorAll("#models tr")].some(r => r.textContent.includes("whisper") && r.textContent.includes("target ratio 1->3"))`)
	require.True(t, evaluate[bool](t, ctx, `window.stays && document.activeElement.textContent === "whisper"`))

	// Held, a page stands still; resumed, it catches up.
	evaluate[bool](t, ctx, `(() => { document.getElementById("hold").click(); return true; })()`)
	until(t, ctx, `document.getElementById("live").textContent === "paused"`)
	before := evaluate[string](t, ctx, `document.getElementById("tick").textContent`)
	s.tick(ctx)
	require.Equal(t, before, evaluate[string](t, ctx, `document.getElementById("tick").textContent`))
	evaluate[bool](t, ctx, `(() => { document.getElementById("hold").click(); return true; })()`)
	until(t, ctx, `document.getElementById("live").textContent === "live"`)
	until(t, ctx, `document.getElementById("tick").textContent.includes("Tick 3")`)
	w.clean(t)
	require.Empty(t, s.foreign)
}

// A name that is a script is text on every page, live or not, and its links work.
func testHostileName(t *testing.T, browser context.Context) {
	s := newSite(t)
	ctx, w := tab(t, browser, s)
	s.busy(ctx)
	for _, page := range []string{"", "servers", "timeline", "plan", "model?" + url.Values{"name": {hostile}}.Encode()} {
		visit(t, ctx, s, page)
		until(t, ctx, `document.getElementById("live").textContent === "live"`)
		require.True(t, evaluate[bool](t, ctx, `document.body.textContent.includes("<script>alert(1)</scr" + "ipt>")`), page)
		require.Equal(t, 1, evaluate[int](t, ctx, `document.scripts.length`), page)
	}
	require.Equal(t, hostile, evaluate[string](t, ctx, `document.querySelector("h1").textContent`))
	visit(t, ctx, s, "")
	follow(t, ctx, `[...document.querySelectorAll("#models a")].find(a => a.textContent.includes("alert(1)")).click()`)
	require.Equal(t, hostile, evaluate[string](t, ctx, `document.querySelector("h1").textContent`))
	w.clean(t)
	require.Empty(t, s.foreign)

	visit(t, ctx, s, "servers")
	text := evaluate[string](t, ctx, `document.body.textContent`)
	require.Contains(t, text, "in eu-central-1a", "zones")
	require.Contains(t, text, "2026-11-24 serving", "versions")
	require.Contains(t, text, "A pool, whose policy wants", "pools")
	require.Equal(t, []string{"shared-0002"}, evaluate[[]string](t, ctx, `[...document.querySelectorAll("tbody tr")].filter(tr => tr.textContent.includes("retiring")).map(tr => tr.querySelector("th").textContent)`))
	follow(t, ctx, `[...document.querySelectorAll("#servers p a")].find(a => a.textContent === "shared-too").click()`)
	require.Contains(t, evaluate[string](t, ctx, `document.getElementById("model").textContent`), "resident since")
}

// A form freezes a model: browsers say where it came from as the handler expects.
func testFreeze(t *testing.T, browser context.Context) {
	s := newSite(t)
	ctx, w := tab(t, browser, s)
	s.tick(ctx)
	visit(t, ctx, s, "model?name=whisper")
	follow(t, ctx, `document.querySelector("button[value=freeze]").click()`)
	require.Contains(t, evaluate[string](t, ctx, `document.getElementById("model").textContent`), "frozen until")
	require.Equal(t, s.url+"model?name=whisper", evaluate[string](t, ctx, `location.href`))
	require.Len(t, s.loop.Frozen(), 1)
	follow(t, ctx, `document.querySelector("button[value=unfreeze]").click()`)
	require.NotContains(t, evaluate[string](t, ctx, `document.getElementById("model").textContent`), "frozen until")
	require.Empty(t, s.loop.Frozen())
	w.clean(t)
}

// Nothing is wider than the screen, on a desk or on a phone, in light or in
// dark, and without scripts the tables are there.
func testLooks(t *testing.T, browser context.Context) {
	s := newSite(t)
	ctx, w := tab(t, browser, s)
	s.busy(ctx)
	for _, width := range []int64{1280, 390} {
		for _, scheme := range []string{"light", "dark"} {
			if scheme == "dark" && os.Getenv("BELLOWS_SCREENSHOTS") == "" {
				continue // only colours differ, and nobody would see them
			}
			_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			require.NoError(t, err)
			_, err = chromedp.Run(ctx, chromedp.EmulateViewport(width, 844))
			require.NoError(t, err)
			for name, page := range map[string]string{
				"models": "", "servers": "servers", "timeline": "timeline", "plan": "plan", "model": "model?name=llama-70b",
				"hostile": "model?" + url.Values{"name": {hostile}}.Encode(),
			} {
				visit(t, ctx, s, page)
				until(t, ctx, `document.getElementById("live").textContent === "live"`)
				require.LessOrEqual(t, evaluate[int64](t, ctx, `document.documentElement.scrollWidth`), width, "%s at %d", page, width)
				shoot(t, ctx, name+"-"+map[int64]string{1280: "desk", 390: "phone"}[width]+"-"+scheme)
			}
		}
	}
	_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	visit(t, ctx, s, "")
	text, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("#models table")))
	require.NoError(t, err)
	require.Contains(t, text, "llama-70b")
	w.clean(t)
}

// shoot keeps a picture, if somebody wants it.
func shoot(t *testing.T, ctx context.Context, name string) {
	dir := os.Getenv("BELLOWS_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}

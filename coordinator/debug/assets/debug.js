// Keeps a page up to date: each event is a reason to load it again, and what
// is live in it is replaced. All text stays text, as the server made it.
"use strict";
(() => {
  const live = document.getElementById("live"), hold = document.getElementById("hold");
  let source = null, held = false, busy = false, again = false;

  const say = (text, on) => {
    if (live.textContent !== text) live.textContent = text;
    live.className = on ? "on" : "off";
  };

  // replace keeps what has the focus focused, if it is still there.
  const replace = (old, fresh) => {
    if (old.innerHTML === fresh.innerHTML) return;
    const focus = document.activeElement, inside = old.contains(focus);
    const same = inside ? [...old.querySelectorAll("a, [tabindex]")].indexOf(focus) : -1;
    const href = inside ? focus.getAttribute("href") : null;
    old.replaceChildren(...fresh.childNodes);
    if (!inside) return;
    const all = [...old.querySelectorAll("a, [tabindex]")];
    const next = all[same] && all[same].getAttribute("href") === href ? all[same] : all.find(e => e.getAttribute("href") === href);
    if (next) next.focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of document.querySelectorAll("[data-live]")) {
          const other = fresh.getElementById(part.id);
          if (other && !held) replace(part, other);
        }
      } else {
        say(answer.status === 404 ? "gone" : "not live: error " + answer.status, false);
      }
    } catch {
      say("not live: no answer", false);
    }
    busy = false;
    if (again) { again = false; refresh(); }
  };

  const stop = () => { if (source) source.close(); source = null; };
  const start = () => {
    if (source || held || document.hidden) return;
    source = new EventSource("events");
    source.addEventListener("open", () => { say("live", true); refresh(); });
    source.addEventListener("tick", () => { say("live", true); refresh(); });
    source.addEventListener("error", () => {
      const over = source && source.readyState === EventSource.CLOSED;
      say(over ? "not live: reload to try again" : "not live: trying again", false);
    });
  };

  hold.hidden = false;
  hold.addEventListener("click", () => {
    held = !held;
    hold.textContent = held ? "Resume updates" : "Pause updates";
    if (held) { stop(); say("paused", false); } else start();
  });
  // A browser has few connections to one host: pages nobody sees give theirs back.
  document.addEventListener("visibilitychange", () => { if (document.hidden) stop(); else start(); });
  addEventListener("pagehide", stop);
  addEventListener("pageshow", start);
})();

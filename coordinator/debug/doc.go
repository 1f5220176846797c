// Package debug shows what a coordinator sees, decides and waits for, as web
// pages and as JSON, live. It needs nothing but the standard library, and its
// pages load nothing from elsewhere.
//
//	pages := debug.New(debug.Options{})
//	loop, err := coordinator.New(planner, source, actuator, coordinator.Options{OnTick: pages.Tick})
//	pages.Watch(loop)
//	http.Handle("/debug/bellows/", pages)
//
// The handler looks only at what follows the last slash of a path, and all its
// links are relative, so any prefix will do, stripped or not; it must end in a
// slash.
//
// # Pages
//
//	(nothing)      models and services: desired, ready, load, reason
//	servers        server groups: what sits where, how full each resource is
//	timeline       decisions that changed a count, and errors; newest first
//	plan           actions of the last tick, what waits for what, refusals, faults
//	model?name=    everything about one model, and what would change its count
//	events         server-sent events, one a tick
//
// Tables need no scripts; with them, pages keep up with the loop. Pages of many
// rows take from= (rows to leave out), n= (rows to show, at most 1000) and q=
// (a part of the name).
//
// # JSON
//
// Each page has a twin that takes the same parameters: models.json, servers.json,
// timeline.json, plan.json and model.json?name=. Objects carry "v", the version
// of the format, now 1: within a version names keep their meaning and are not
// taken away, new ones may come. Times are RFC 3339 in UTC, durations text as in
// "1m30s", a number that is not known null. An event's data is {"v", "tick",
// "at", "desired", "ready", "now", "later", "refused", "faults", "errors"},
// numbers of each but for the first three.
//
// # Who may look
//
// Anybody who reaches the handler may read: put your own authentication in front
// of it. On a loopback address that is everybody on the machine, and a page of
// another site in its browser too, by a name that is pointed there, unless Host
// is checked. Nothing can be changed unless Options.Authorize is set.
//
// What is kept is bounded: the last picture, Options.Points points of each
// model, Options.Decisions lines of the timeline. Of a fleet of thousands, without
// viewers, a picture is taken every ten seconds only; the first page that somebody
// loads may be that old.
package debug

// Package plain writes plain data as JSON and reads it back: configurations,
// snapshots, plans and saved state.
//
// It is encoding/json with these differences. A name is the Go name in lower
// camel case, so that no tags are needed. Zero values are left out, for they
// mean the documented default. A time.Duration is a string ("1m30s"), a number
// that JSON has none for ("NaN", "+Inf", "-Inf") too, a *time.Location its name.
// A value of an interface type is {"kind": ..., "spec": ...}, with a table of
// kinds given by the caller. Reading refuses unknown and repeated names, and
// reports every fault at once under its path.
package plain

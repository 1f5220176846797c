// Package wire is what the processes of the gateway say to each other: JSON over
// HTTP on the loopback interface.
//
//	proxy           GET /totals          Totals
//	                GET /routes          Routes
//	                PUT /routes          GroupRoutes of one group, as a whole
//	model server    GET /state           ServerState
//	                POST /load, /unload  LoadOrder
//	                POST /fault/crash    as a bug would, where faults are allowed
//	                POST /fault/hang     stops for good
//	both            /v1/models/{model}/… requests for a model
//	proxy, control  GET /metrics         Prometheus text
package wire

import (
	"time"

	"github.com/bellows-go/bellows/examples/gateway/internal/proc"
)

// Headers of requests for a model, and of their responses.
const (
	// IdempotencyKey, in a request of any method, says that doing it twice does no
	// harm. See IETF draft-ietf-httpapi-idempotency-key-header.
	IdempotencyKey = "Idempotency-Key"
	// RequestID names a request in a server's journal.
	RequestID = "Request-Id"
	// Server is, to a server, whom the request is meant for; to a client, who answered.
	Server = "Gateway-Server"
	// ModelVersion is which version of the model is meant.
	ModelVersion = "Gateway-Model-Version"
	// Refused is in the response of a server that did not begin the request, and
	// says why: whatever the method, it may be sent elsewhere.
	Refused = "Gateway-Refused"
	// Attempts is how many servers the proxy sent the request to.
	Attempts = "Gateway-Attempts"
	// Lost is in a 502 or 504 of the proxy: the server that had the request when it
	// went away or fell silent. Whether it was done, nobody knows.
	Lost = "Gateway-Lost"
)

// The reasons of Refused.
const (
	RefusedFull      = "full"       // all slots of the replica are taken
	RefusedNotLoaded = "not loaded" // no such replica serves here
	RefusedLeaving   = "leaving"    // the server's grace period is over
	RefusedStranger  = "stranger"   // another server listens here now
)

// Totals are the requests that a proxy counted since it started.
type Totals struct {
	At      time.Time              `json:"at"` // before the first count was read
	Targets map[string]TargetCount `json:"targets"`
}

// A TargetCount is what was counted of one model.
type TargetCount struct {
	Begun  uint64 `json:"begun"`
	Ended  uint64 `json:"ended"`
	Failed uint64 `json:"failed"` // of Ended
}

// Routes are where a proxy sends requests.
type Routes struct {
	At     time.Time     `json:"at"` // before the first count was read
	Groups []GroupRoutes `json:"groups"`
}

// GroupRoutes are the routes to the servers of one group.
type GroupRoutes struct {
	Group   string  `json:"group"`
	Version uint64  `json:"version"` // a proxy refuses lower ones
	Routes  []Route `json:"routes"`
}

// A Route leads to one replica.
type Route struct {
	Server       string    `json:"server"`
	Addr         string    `json:"addr"` // host:port
	Model        string    `json:"model"`
	ModelVersion string    `json:"modelVersion"`
	Slots        int       `json:"slots"`             // requests at a time; 0 is without limit
	Draining     bool      `json:"draining"`          // gets no more requests
	Since        time.Time `json:"since"`             // of Draining or not, as was ordered
	InFlight     int       `json:"inFlight"`          // as the proxy counts; ignored in an order
	Ejected      bool      `json:"ejected,omitempty"` // failed lately and is left alone; ignored in an order
}

// A ServerState is how a model server sees itself.
type ServerState struct {
	Name     string           `json:"name"`
	Token    string           `json:"token"` // that it was started with
	Process  proc.ID          `json:"process"`
	Up       bool             `json:"up"`      // false while it boots
	Since    time.Time        `json:"since"`   // of Up or not
	Leaving  bool             `json:"leaving"` // it was told to end
	Capacity map[string]int64 `json:"capacity"`
	Used     map[string]int64 `json:"used"`
	Replicas []ReplicaState   `json:"replicas"` // sorted by model, then version
}

// The phases of a ReplicaState.
const (
	Loading = "loading"
	Loaded  = "loaded"
	Broken  = "broken"
)

// A ReplicaState is a model on a server.
type ReplicaState struct {
	Model        string    `json:"model"`
	ModelVersion string    `json:"modelVersion"`
	Phase        string    `json:"phase"`
	Since        time.Time `json:"since"` // of Phase
	InFlight     int       `json:"inFlight"`
}

// A LoadOrder tells a server to load a replica, or with Model and ModelVersion
// alone to unload it. Both may be said twice.
type LoadOrder struct {
	Model        string           `json:"model"`
	ModelVersion string           `json:"modelVersion"`
	Needs        map[string]int64 `json:"needs,omitempty"`
	Slots        int              `json:"slots,omitempty"`     // requests at a time; 0 is without limit
	LoadTime     time.Duration    `json:"loadTime,omitempty"`  // nanoseconds
	ServeTime    time.Duration    `json:"serveTime,omitempty"` // nanoseconds for each request
}

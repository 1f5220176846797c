package coordinator

import "github.com/bellows-go/bellows/internal/enum"

// The names of enumerations, in text and in JSON.

var kindNames = enum.Names{Kind: "kind", List: []string{"scale", "scale service", "load", "route", "unroute", "unload"}}

func (k Kind) String() string { return kindNames.Of(uint8(k)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (k Kind) MarshalText() ([]byte, error) { return kindNames.Marshal(uint8(k)) }

// UnmarshalText undoes MarshalText.
func (k *Kind) UnmarshalText(text []byte) error { return enum.Unmarshal(&kindNames, text, k) }

var removalNames = enum.Names{Kind: "removal", List: []string{"free", "ordinal"}}

func (r Removal) String() string { return removalNames.Of(uint8(r)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (r Removal) MarshalText() ([]byte, error) { return removalNames.Marshal(uint8(r)) }

// UnmarshalText undoes MarshalText.
func (r *Removal) UnmarshalText(text []byte) error { return enum.Unmarshal(&removalNames, text, r) }

var shareNames = enum.Names{Kind: "share", List: []string{"evenly", "by value"}}

func (s Share) String() string { return shareNames.Of(uint8(s)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (s Share) MarshalText() ([]byte, error) { return shareNames.Marshal(uint8(s)) }

// UnmarshalText undoes MarshalText.
func (s *Share) UnmarshalText(text []byte) error { return enum.Unmarshal(&shareNames, text, s) }

var targetKindNames = enum.Names{Kind: "target kind", List: []string{"model", "group", "service"}}

func (t TargetKind) String() string { return targetKindNames.Of(uint8(t)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (t TargetKind) MarshalText() ([]byte, error) { return targetKindNames.Marshal(uint8(t)) }

// UnmarshalText undoes MarshalText.
func (t *TargetKind) UnmarshalText(text []byte) error {
	return enum.Unmarshal(&targetKindNames, text, t)
}

var serverPhaseNames = enum.Names{Kind: "server phase", List: []string{"booting", "up"}}

func (s ServerPhase) String() string { return serverPhaseNames.Of(uint8(s)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (s ServerPhase) MarshalText() ([]byte, error) { return serverPhaseNames.Marshal(uint8(s)) }

// UnmarshalText undoes MarshalText.
func (s *ServerPhase) UnmarshalText(text []byte) error {
	return enum.Unmarshal(&serverPhaseNames, text, s)
}

var modelStateNames = enum.Names{Kind: "model state", List: []string{"unknown", "scheduled", "partial", "refused", "scaled down"}}

func (s ModelState) String() string { return modelStateNames.Of(uint8(s)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (s ModelState) MarshalText() ([]byte, error) { return modelStateNames.Marshal(uint8(s)) }

// UnmarshalText undoes MarshalText.
func (s *ModelState) UnmarshalText(text []byte) error {
	return enum.Unmarshal(&modelStateNames, text, s)
}

var replicaPhaseNames = enum.Names{Kind: "replica phase", List: []string{"loading", "loaded", "serving", "draining", "broken"}}

func (r ReplicaPhase) String() string { return replicaPhaseNames.Of(uint8(r)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (r ReplicaPhase) MarshalText() ([]byte, error) { return replicaPhaseNames.Marshal(uint8(r)) }

// UnmarshalText undoes MarshalText.
func (r *ReplicaPhase) UnmarshalText(text []byte) error {
	return enum.Unmarshal(&replicaPhaseNames, text, r)
}

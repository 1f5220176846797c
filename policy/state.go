package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/bellows-go/bellows/internal/check"
)

// faults collects the faults of a configuration.
type faults struct{ check.Faults }

// wrapped notes the faults of a combinator's field Of.
func (f *faults) wrapped(of Config) {
	if of == nil {
		f.Require(false, "Of", "must be set")
		return
	}
	f.Under("Of", of.Validate())
}

// stateVersion is the version of what AppendState writes.
const stateVersion = 1

type state struct {
	V   int
	Own json.RawMessage   `json:",omitempty"`
	Of  []json.RawMessage `json:",omitempty"`
}

// appendState appends own, and the state of those parts that have one, to dst.
func appendState(dst []byte, own any, parts ...Policy) []byte {
	s := state{V: stateVersion}
	if own != nil {
		raw, err := json.Marshal(own)
		if err != nil {
			panic("policy: a memory that is not JSON: " + err.Error()) // ours alone, all plain data
		}
		s.Own = raw
	}
	for _, p := range parts {
		part := json.RawMessage("null")
		if saver, ok := p.(Saver); ok {
			part = saver.AppendState(nil)
		}
		s.Of = append(s.Of, part)
	}
	raw, err := json.Marshal(s)
	if err != nil {
		panic("policy: a part's state is not JSON: " + err.Error())
	}
	return append(dst, raw...)
}

// none is the memory of a policy without one.
type none = struct{}

// A validator is a memory that not every JSON value of its shape can be.
type validator interface{ valid() error }

// restoreState undoes appendState. On an error own and the parts are as before.
func restoreState[T any](raw []byte, own *T, parts ...Policy) error {
	return restoreFitting(raw, own, nil, parts...)
}

// restoreFitting is restoreState of a memory that must also fit its policy.
func restoreFitting[T any](raw []byte, own *T, fits func(*T) error, parts ...Policy) error {
	var s state
	if err := strictly(raw, &s); err != nil {
		return fmt.Errorf("policy: restore: %w", err)
	}
	switch {
	case s.V != stateVersion:
		return fmt.Errorf("policy: restore: version %d, can read %d", s.V, stateVersion)
	case len(s.Of) != len(parts):
		return fmt.Errorf("policy: restore: state of %d parts, have %d", len(s.Of), len(parts))
	case (own == nil) != (s.Own == nil):
		return errors.New("policy: restore: state of another kind of policy")
	}
	var fresh T
	if own != nil {
		if err := strictly(s.Own, &fresh); err != nil {
			return fmt.Errorf("policy: restore: %w", err)
		}
		// What is missing or doubled would pass as a zero.
		if again, err := json.Marshal(&fresh); err != nil || !bytes.Equal(again, s.Own) {
			return errors.New("policy: restore: not a state as it was written")
		}
		if v, ok := any(&fresh).(validator); ok {
			if err := v.valid(); err != nil {
				return fmt.Errorf("policy: restore: %w", err)
			}
		}
		if fits != nil {
			if err := fits(&fresh); err != nil {
				return fmt.Errorf("policy: restore: %w", err)
			}
		}
	}
	if err := restoreParts(s.Of, parts); err != nil {
		return err
	}
	if own != nil {
		*own = fresh
	}
	return nil
}

// restoreParts restores all parts or none.
func restoreParts(states []json.RawMessage, parts []Policy) error {
	undo := make([][]byte, 0, len(parts))
	for i, p := range parts {
		saver, ok := p.(Saver)
		if !ok {
			undo = append(undo, nil)
			continue
		}
		undo = append(undo, saver.AppendState(nil))
		if err := saver.Restore(states[i]); err != nil {
			for j, before := range undo[:i] {
				if before == nil {
					continue
				}
				if again := parts[j].(Saver).Restore(before); again != nil {
					panic("policy: a part refuses its own state: " + again.Error())
				}
			}
			return err
		}
	}
	return nil
}

// strictly decodes one JSON value into v, refusing unknown fields and a rest.
func strictly(raw []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the state")
	}
	return nil
}

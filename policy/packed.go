package policy

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
)

// packed are small numbers that JSON keeps short: two bytes each, little endian,
// in base64.
type packed []uint16

func (p packed) MarshalJSON() ([]byte, error) {
	raw := make([]byte, 0, 2*len(p))
	for _, x := range p {
		raw = binary.LittleEndian.AppendUint16(raw, x)
	}
	return json.Marshal(raw)
}

func (p *packed) UnmarshalJSON(text []byte) error {
	raw, err := unbase(text)
	if err != nil {
		return err
	}
	if len(raw)%2 != 0 {
		return errors.New("half a number")
	}
	*p = make(packed, 0, len(raw)/2)
	for ; len(raw) > 0; raw = raw[2:] {
		*p = append(*p, binary.LittleEndian.Uint16(raw))
	}
	return nil
}

// varints are whole numbers >= 0, mostly small, that JSON keeps short: as
// binary.AppendUvarint writes them, in base64.
type varints []int64

func (v varints) MarshalJSON() ([]byte, error) {
	raw := make([]byte, 0, len(v))
	for _, x := range v {
		raw = binary.AppendUvarint(raw, uint64(x))
	}
	return json.Marshal(raw)
}

func (v *varints) UnmarshalJSON(text []byte) error {
	raw, err := unbase(text)
	if err != nil {
		return err
	}
	*v = make(varints, 0, len(raw))
	for len(raw) > 0 {
		x, n := binary.Uvarint(raw)
		if n <= 0 || x > maxCount {
			return errors.New("a count that cannot be")
		}
		*v, raw = append(*v, int64(x)), raw[n:]
	}
	return nil
}

// unbase undoes base64 in a JSON string.
func unbase(text []byte) ([]byte, error) {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(s)
}

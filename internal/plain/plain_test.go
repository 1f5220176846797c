package plain_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/internal/plain"
)

type inner struct {
	RPS, P  float64
	CPUTime time.Duration
	hidden  int
}

type outer struct {
	inner
	Embedded
	ID     string
	At     time.Time
	Amount map[string]int64
	List   []*inner
	Any    any
	Small  int8
	Big    uint64
	On     bool
}

// Embedded has its fields in the struct around it.
type Embedded struct{ HPAActive bool }

var kinds = plain.Options{reflect.TypeFor[any](): {"inner": reflect.TypeFor[inner](), "pointer": reflect.TypeFor[*inner]()}}

func TestNamesAndValues(t *testing.T) {
	v := outer{
		inner: inner{RPS: math.Inf(-1), P: math.NaN(), CPUTime: 90 * time.Second}, Embedded: Embedded{true},
		ID: "<a>\xff", At: time.Unix(0, 5), Amount: map[string]int64{"b": 0, "a": 2}, List: []*inner{nil, {P: 1e300}},
		Any: &inner{RPS: 0.1}, Small: -128, Big: math.MaxUint64, On: true,
	}
	text, err := plain.Append(nil, v, kinds)
	require.NoError(t, err)
	require.Equal(t, `{"rps":"-Inf","p":"NaN","cpuTime":"1m30s","hpaActive":true,"id":"\u003ca\u003e`+"\ufffd"+`","at":"1970-01-01T00:00:00.000000005Z",`+
		`"amount":{"a":2,"b":0},"list":[null,{"p":1e+300}],"any":{"kind":"pointer","spec":{"rps":0.1}},"small":-128,"big":18446744073709551615,"on":true}`, string(text))
	var back outer
	require.NoError(t, plain.Decode(text, &back, kinds))
	again, err := plain.Append(nil, back, kinds)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
	require.True(t, math.IsNaN(back.P))
}

func TestFaultsChangeNothing(t *testing.T) {
	v := outer{ID: "before"}
	require.EqualError(t, plain.Decode([]byte(`{"id":"after","small":128,"big":-1,"at":"noon","list":[{"p":"x"},3],"any":{"kind":"outer"},"on":1,"p":"NaN "}`), &v, kinds),
		`small: must be a whole number of 8 bits, is 128
big: must be a whole number >= 0 of 64 bits, is -1
at: "noon" is no time of RFC 3339
list[0].p: must be a number, is "x"
list[1]: must be an object, is 3
any.kind: unknown: "outer", known are inner, pointer
on: must be true or false, is 1
p: must be a number, is "NaN "`)
	require.Equal(t, outer{ID: "before"}, v)
	require.ErrorContains(t, plain.Decode([]byte(`{} {}`), &v, nil), "something follows")
	require.NoError(t, plain.Decode([]byte(` {} `), &v, nil))
	require.Equal(t, outer{}, v, "what is left out is zero")
	_, err := plain.Append(nil, struct{ F func() }{func() {}}, nil)
	require.EqualError(t, err, "f: a func() cannot be written")
	_, err = plain.Append(nil, outer{inner: inner{hidden: 1}}, nil)
	require.EqualError(t, err, "the unexported field hidden of a plain_test.outer cannot be written")
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := inner{
			RPS: rapid.Float64().Draw(t, "rps"), P: rapid.Float64().Draw(t, "p"),
			CPUTime: time.Duration(rapid.Int64().Draw(t, "time")),
		}
		text, err := plain.Append(nil, v, nil)
		if err != nil {
			t.Fatal(err)
		}
		var back inner
		if err := plain.Decode(text, &back, nil); err != nil || back != v {
			t.Fatalf("%s: %+v, was %+v: %v", text, back, v, err)
		}
	})
}

package promsource

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// body is a successful answer.
func body(kind, result string) string {
	return `{"status":"success","data":{"resultType":"` + kind + `","result":` + result + `}}`
}

func TestParse(t *testing.T) {
	at := func(ms int64) time.Time { return time.UnixMilli(ms) }
	for _, c := range []struct {
		name, body string
		want       []element
	}{
		{"nothing", body("vector", `[]`), []element{}},
		{
			"a vector", body("vector", `[{"metric":{"model":"a"},"value":[1435781451.781,"1.5"]},{"metric":{},"value":[2,"-3e2"]}]`),
			[]element{{map[string]string{"model": "a"}, []point{{at(1435781451781), 1.5}}}, {map[string]string{}, []point{{at(2000), -300}}}},
		},
		{"a scalar", body("scalar", `[1.0004,"7"]`), []element{{points: []point{{at(1000), 7}}}}},
		{
			"a matrix", body("matrix", `[{"metric":{"i":"x"},"values":[[1,"1"],[2.5,"2"]]},{"metric":{"i":"empty"},"values":[]}]`),
			[]element{{map[string]string{"i": "x"}, []point{{at(1000), 1}, {at(2500), 2}}}},
		},
		{"infinity is a value here", body("scalar", `[1,"+Inf"]`), []element{{points: []point{{at(1000), math.Inf(1)}}}}},
		{"what is new is passed over", `{"status":"success","isPartial":true,"infos":["x"],"data":{"resultType":"scalar","result":[1,"7"],"stats":{}}}`, []element{{points: []point{{at(1000), 7}}}}},
	} {
		got, err := parse([]byte(c.body))
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, got.elements, c.name)
	}
	got, err := parse([]byte(`{"status":"success","warnings":["a store is away"],"data":{"resultType":"vector","result":[]}}`))
	require.NoError(t, err)
	require.Equal(t, []string{"a store is away"}, got.warnings)
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, body, says string }{
		{"nothing", ``, `malformed: EOF`},
		{"a page", "<html>\nlog in", `it begins with "<html>\nlog in"`},
		{"a long page", strings.Repeat("<", 1000), `<<..."`},
		{"half", body("vector", `[{"metric`)[:50], "malformed: unexpected EOF"},
		{"two", body("vector", `[]`) + `{}`, `malformed: "{}" behind its end`},
		{"null", `null`, `malformed: status ""`},
		{"an error", `{"status":"error","errorType":"bad_data","error":"parse error"}`, `refused: "bad_data": "parse error"`},
		{"a string", body("string", `[1,"x"]`), `a result of type "string" is no number`},
		{"no type", `{"status":"success"}`, `a result of type "" is no number`},
		{"no result", `{"status":"success","data":{"resultType":"vector"}}`, `malformed: `},
		{"a null result", body("vector", `null`), "there is no result"},
		{"an object", body("vector", `{}`), "cannot unmarshal object"},
		{"a histogram", body("vector", `[{"metric":{},"histogram":[1,{}]}]`), "result[0] is a histogram: ask for its"},
		{"no value", body("vector", `[{"metric":{}}]`), `result[0]: "" is no pair`},
		{"a short pair", body("vector", `[{"metric":{},"value":[1]}]`), `"[1]" is no pair`},
		{"a long pair", body("vector", `[{"metric":{},"value":[1,"2",3]}]`), "is no pair"},
		{"a bare number", body("vector", `[{"metric":{},"value":[1,2]}]`), `"2" is no value in quotes`},
		{"a null value", body("vector", `[{"metric":{},"value":[1,null]}]`), `"null" is no value in quotes`},
		{"a null time", body("vector", `[{"metric":{},"value":[null,"1"]}]`), `"null" is no time`},
		{"text", body("vector", `[{"metric":{},"value":[1,"many"]}]`), `"many" is no value`},
		{"beyond floats", body("vector", `[{"metric":{},"value":[1,"1e999"]}]`), `"1e999" is no value`},
		{"no time", body("vector", `[{"metric":{},"value":["1","1"]}]`), `is no time`},
		{"a far time", body("vector", `[{"metric":{},"value":[1e300,"1"]}]`), "1e+300 is no time"},
		{"back in time", body("matrix", `[{"metric":{},"values":[[2,"1"],[1,"1"]]}]`), "a value of"},
		{"twice", body("matrix", `[{"metric":{},"values":[[2,"1"],[2,"1"]]}]`), "a value of"},
		{"a label that is no text", body("vector", `[{"metric":{"a":1},"value":[1,"1"]}]`), "cannot unmarshal number"},
		{"a label that is a long number", body("vector", `[{"metric":{"a":1`+strings.Repeat("0", 1<<16)+`},"value":[1,"1"]}]`), "cannot unmarshal number"},
		{"a kind that is a long number", `{"status":1` + strings.Repeat("0", 1<<16) + `}`, "cannot unmarshal number"},
		{"an error of a long type", `{"status":"error","errorType":"` + strings.Repeat("x", 1<<16) + `","error":"parse error"}`, `refused: "xxx`},
		{"very deep", strings.Repeat("[", 1<<20), "malformed: "},
	} {
		_, err := parse([]byte(c.body))
		require.ErrorContains(t, err, c.says, c.name)
		require.Less(t, len(err.Error()), 700, c.name)
	}
}

// Whatever parse lets through is well-formed.
func FuzzParse(f *testing.F) {
	f.Add([]byte(body("vector", `[{"metric":{"model":"a"},"value":[1435781451.781,"1.5"]}]`)))
	f.Add([]byte(body("matrix", `[{"metric":{"i":"x"},"values":[[1,"1"],[2.5,"NaN"]]}]`)))
	f.Add([]byte(body("scalar", `[1,"+Inf"]`)))
	f.Add([]byte(`{"status":"error","errorType":"bad_data","error":"parse error"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := parse(data)
		if err != nil {
			if len(a.elements) > 0 || len(err.Error()) > 2000 {
				t.Fatalf("%d elements beside an error of %d bytes", len(a.elements), len(err.Error()))
			}
			return
		}
		for _, e := range a.elements {
			if len(e.points) == 0 {
				t.Fatalf("an element without a point: %v", e)
			}
			for i, p := range e.points {
				if y := p.at.Year(); y < -5000 || y > 6000 {
					t.Fatalf("a time of %v", p.at)
				}
				if i > 0 && !p.at.After(e.points[i-1].at) {
					t.Fatalf("points that do not ascend: %v", e.points)
				}
			}
		}
	})
}

func TestQuoted(t *testing.T) {
	for expr, want := range map[string]bool{
		`x`: true, `x{m="$target"}`: true, `x{m="a$target"} or y{m!="$target"}`: true,
		`x{m='$target'}`: false, "x{m=`$target`}": false, `$target`: false, `x{m="a"}$target`: false,
		`x{m="\"$target"}`: true, `x{m="\\"} + $target`: false, `x{m='"'} + y{m="$target"}`: true,
		`x # "$target"`: false, "x # \"\n + y{m=\"$target\"}": true, "x # \"\n + $target": false,
	} {
		require.Equal(t, want, quoted(expr), expr)
	}
}

// A name never ends the string that it stands in.
func FuzzEscape(f *testing.F) {
	f.Add(`a"b`)
	f.Add("\\")
	f.Add("\x00\n$target")
	f.Fuzz(func(t *testing.T, name string) {
		q := Query{Expr: `x{m="$target"}`}
		expr := q.forTarget(q.Expr, name)
		inside := expr[len(`x{m="`) : len(expr)-len(`"}`)]
		for i := 0; i < len(inside); i++ {
			switch inside[i] {
			case '\\':
				i++
				if i == len(inside) {
					t.Fatalf("%q ends in a lone backslash", expr)
				}
			case '"', '\n':
				t.Fatalf("%q ends its string early", expr)
			}
		}
	})
}

package policy

import (
	"reflect"

	"github.com/bellows-go/bellows/internal/plain"
)

// Kinds are the types of Config that JSON can name, each by a value of it, of
// which only the type counts. A Config in JSON is {"kind": ..., "spec": ...}:
//
//	{"kind": "bound", "spec": {"min": 1, "max": 9, "of": {"kind": "track", "spec": ...}}}
//
// Names in a spec are those of the Go fields in lower camel case ("rps",
// "cpuInitializationPeriod"), durations are strings ("1m30s"), and what is left
// out is zero, which means its documented default. A function (KEDAFormula.Eval)
// has no JSON.
type Kinds map[string]Config

// BuiltinKinds are the policies of this package. The map is the caller's, to add
// kinds of their own to.
func BuiltinKinds() Kinds {
	return Kinds{
		"track": Track{}, "hpa": HPA{}, "kpa": KPA{}, "keda": KEDA{}, "seldonLag": SeldonLag{},
		"adaptive": Adaptive{}, "slo": SLO{}, "forecast": Forecast{}, "envelope": Envelope{}, "season": Season{}, "backlog": Backlog{},
		"bound": Bound{}, "stabilize": Stabilize{}, "pace": Pace{}, "every": Every{}, "tolerate": Tolerate{},
		"cooldown": Cooldown{}, "flapBudget": FlapBudget{}, "idle": Idle{}, "fallback": Fallback{},
		"freeze": Freeze{}, "useful": Useful{}, "calendar": Calendar{},
		"highest": Highest{}, "lowest": Lowest{}, "first": First{},
	}
}

// Append appends c as JSON to dst. The error names the field of what has none,
// or a type that is not among k.
func (k Kinds) Append(dst []byte, c Config) ([]byte, error) {
	return plain.Append(dst, &c, k.options())
}

// Decode reads a Config from JSON. The error names every fault with its path:
// unknown kinds and names, names that stand twice, values of another type. It
// does not validate, see Config.Validate.
func (k Kinds) Decode(data []byte) (c Config, err error) {
	err = plain.Decode(data, &c, k.options())
	return c, err
}

func (k Kinds) options() plain.Options {
	types := plain.Kinds{}
	for name, c := range k {
		types[name] = reflect.TypeOf(c)
	}
	return plain.Options{reflect.TypeFor[Config](): types}
}

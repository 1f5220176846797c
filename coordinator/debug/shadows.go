package debug

import (
	"strconv"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

type shadowRow struct {
	Shadow   string       `json:"shadow"`
	Desired  int          `json:"desired"`
	Differs  int          `json:"differs"` // from what was decided
	Reason   string       `json:"reason"`
	Readings []readingRow `json:"readings"`
	Asked    int64        `json:"asked"` // plans
	Above    int64        `json:"above"` // of these
	Below    int64        `json:"below"`
}

// shadowRows are what a model's shadows would have decided.
func shadowRows(list []coordinator.ShadowPlan, signals [][]policy.Signal) []shadowRow {
	rows := make([]shadowRow, len(list))
	for i, x := range list {
		var of []policy.Signal
		if i < len(signals) {
			of = signals[i]
		}
		rows[i] = shadowRow{x.Shadow, x.Desired, x.Differs, why(x.Decision.Steps), readings(of, x.Readings), x.Asked, x.Above, x.Below}
	}
	return rows
}

// Often says in how many plans the shadow differed.
func (r shadowRow) Often() string {
	if r.Asked == 0 {
		return "–"
	}
	share := func(n int64) string {
		return strconv.FormatFloat(100*float64(n)/float64(r.Asked), 'f', 1, 64) + " %"
	}
	return share(r.Above) + " more, " + share(r.Below) + " fewer, of " + strconv.FormatInt(r.Asked, 10)
}

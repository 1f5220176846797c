package control

import (
	"context"
	"net/http"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
	"github.com/bellows-go/bellows/policy"
)

// A Source is a coordinator.MetricSource that reads the totals of one proxy. It
// knows the series in_flight, begun, ended and failed of every model. Of what the
// proxy does not count, there is no sample.
type Source struct {
	Proxy  string // URL of its side for the control plane
	Client *http.Client
}

// origin is always the same: a proxy that starts again is the same origin, whose
// counts fell.
const origin = "proxy"

// Read implements [coordinator.MetricSource].
func (s *Source) Read(ctx context.Context, want []coordinator.Series, dst []coordinator.Sample) ([]coordinator.Sample, error) {
	var totals wire.Totals
	if err := wire.Call(ctx, s.Client, http.MethodGet, s.Proxy+"/totals", nil, &totals); err != nil {
		return dst, err
	}
	for _, w := range want {
		n, counted := totals.Targets[w.Target.Name]
		if !counted || w.Target.Kind != coordinator.TargetModel {
			continue
		}
		if x, ok := sample(w, n, totals.At); ok {
			dst = append(dst, x)
		}
	}
	return dst, nil
}

// sample is one series of one model.
func sample(w coordinator.Series, n wire.TargetCount, at time.Time) (x coordinator.Sample, ok bool) {
	x = coordinator.Sample{Series: w, Origin: origin, Cumulative: true, At: at, Quality: policy.OK}
	switch w.Name {
	case policy.InFlight:
		x.Cumulative, x.Value = false, float64(n.Begun-min(n.Ended, n.Begun))
	case policy.Begun:
		x.Value = float64(n.Begun)
	case policy.Ended:
		x.Value = float64(n.Ended)
	case policy.Errors:
		x.Value = float64(n.Failed)
	default:
		return coordinator.Sample{}, false
	}
	return x, true
}

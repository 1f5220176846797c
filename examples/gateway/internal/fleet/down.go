package fleet

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// Down ends all servers, whatever they serve, and returns when they have ended or
// ctx has. Nothing else may act on the fleet meanwhile.
func (f *Fleet) Down(ctx context.Context) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		left := 0
		for _, g := range f.groups {
			n, err := f.takeDown(ctx, g)
			if err != nil {
				return err
			}
			left += n
		}
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("fleet: %d servers are left: %w", left, ctx.Err())
		case <-ticker.C:
		}
	}
}

// takeDown tells a group's servers to unload and to end, and returns how many are
// left.
func (f *Fleet) takeDown(ctx context.Context, g *group) (left int, err error) {
	err = g.change(ctx, func(r *record) error {
		now := time.Now()
		if r.Desired != 0 {
			r.Desired, r.changed = 0, true
		}
		for _, s := range r.Servers {
			if s.stays() {
				s.Removing, r.changed = now, true
			}
		}
		states := f.ask(ctx, r.Servers)
		f.check(r, states)
		f.end(r)
		for _, s := range r.Servers {
			state := states[s.Token]
			if state == nil {
				continue
			}
			for _, x := range state.Replicas {
				order := wire.LoadOrder{Model: x.Model, ModelVersion: x.ModelVersion}
				_ = wire.Call(ctx, f.client, http.MethodPost, "http://"+s.addr()+"/unload", order, nil) // once more, if it has not ended
			}
		}
		left = len(r.Servers)
		return nil
	})
	return left, err
}

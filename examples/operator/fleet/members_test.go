package fleet_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/bellows-go/bellows/examples/operator/fleet"
)

// A replica that stops leaves at once; one that dies is missed after its Lease's
// duration, and its Lease goes long after that; nobody else's does.
func TestMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := fake.NewClientBuilder().Build()
		start := func(name string) (m *fleet.Members, stop, die func()) {
			alive := fake.NewClientBuilder().Build() // replaced when it dies: what it writes then is lost
			m = &fleet.Members{Identity: name, Namespace: "s", Cache: api, API: api, Duration: 15 * time.Second, Renew: 3 * time.Second}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = m.Run(ctx) // never fails
			}()
			stop = func() {
				cancel()
				<-done
			}
			die = func() {
				m.API = alive
				stop()
			}
			return m, stop, die
		}
		a, stopA, _ := start("a")
		_, stopB, _ := start("b")
		_, _, dieC := start("c")
		live := func(want ...string) {
			t.Helper()
			synctest.Wait()
			if got, err := a.Live(t.Context()); err != nil || !slices.Equal(got, want) {
				t.Errorf("at %v %v live, not %v: %v", time.Now(), got, want, err)
			}
		}
		leases := func(want int) {
			t.Helper()
			var list coordinationv1.LeaseList
			if err := api.List(t.Context(), &list); err != nil || len(list.Items) != want {
				t.Errorf("at %v there are %d leases, not %d: %v", time.Now(), len(list.Items), want, err)
			}
		}
		pass := func(d time.Duration) { <-time.After(d) }
		pass(time.Second)
		live("a", "b", "c")
		stopB()
		live("a", "c")
		leases(2)
		dieC()
		live("a", "c")
		pass(16 * time.Second)
		live("a")
		leases(2)
		pass(10 * 15 * time.Second)
		live("a")
		leases(1)
		stopA()
		leases(0)
	})
}

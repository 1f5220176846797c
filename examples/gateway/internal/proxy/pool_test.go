package proxy

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

func to(server string, slots int) wire.Route {
	return wire.Route{Server: server, Addr: server + ":1", Model: "llama", ModelVersion: "v1", Slots: slots}
}

// get acquires with an hour to wait.
func get(t *testing.T, p *pool) *replica {
	t.Helper()
	r, err := p.acquire(t.Context(), need{}, time.Now().Add(time.Hour))
	require.NoError(t, err)
	return r
}

func TestPoolFillsTheEmptiest(t *testing.T) {
	p := newPool(0)
	p.set("gpu", []wire.Route{to("a", 2), to("b", 2)})
	var names []string
	for range 4 {
		names = append(names, get(t, p).route.Server)
	}
	require.ElementsMatch(t, []string{"a", "b"}, names[:2], "the second goes where there is none")
	slices.Sort(names)
	require.Equal(t, []string{"a", "a", "b", "b"}, names)
	_, err := p.acquire(t.Context(), need{}, time.Now().Add(time.Hour))
	require.ErrorIs(t, err, errFull, "all slots are taken, and nobody may wait")
}

func TestPoolServesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(3)
		var mu sync.Mutex
		var order []int
		for i := range 3 {
			go func() {
				r := get(t, p)
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				<-time.After(time.Second)
				p.release(r, answered)
			}()
			synctest.Wait()
		}
		_, err := p.acquire(t.Context(), need{}, time.Now().Add(time.Hour))
		require.ErrorIs(t, err, errFull, "a fourth may not wait")
		require.Empty(t, order, "there is nobody to serve them")
		p.set("gpu", []wire.Route{to("a", 1)})
		synctest.Wait()
		require.Equal(t, []int{0}, order)
		<-time.After(3 * time.Second)
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2}, order)
		require.Zero(t, p.routes("gpu")[0].InFlight)
	})
}

// One that comes while others wait does not get what is meant for them.
func TestPoolLetsNobodyPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(9)
		p.set("gpu", []wire.Route{to("a", 1)})
		first := get(t, p)
		got := make(chan string, 2)
		for _, name := range []string{"early", "late"} {
			go func() { get(t, p); got <- name }()
			synctest.Wait()
		}
		p.release(first, answered)
		synctest.Wait()
		require.Equal(t, "early", <-got)
		require.Empty(t, got)
		p.release(first, answered)
		require.Equal(t, "late", <-got)
	})
}

func TestPoolWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(9)
		began := time.Now()
		_, err := p.acquire(t.Context(), need{}, began.Add(15*time.Second))
		require.ErrorIs(t, err, errLate)
		require.Equal(t, 15*time.Second, time.Since(began))

		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err = p.acquire(ctx, need{}, began.Add(time.Hour))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		waiting, held, turned := p.counts()
		require.Zero(t, waiting)
		require.Equal(t, [2]uint64{2, 1}, [2]uint64{held, turned})

		p.set("gpu", []wire.Route{to("a", 1)})
		get(t, p) // nobody who has gone away has it
	})
}

func TestPoolEjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(9)
		p.set("gpu", []wire.Route{to("a", 4)})
		began := time.Now()
		for i, wait := range []time.Duration{0, 250, 500, 1000, 2000, 4000, 5000, 5000} {
			r := get(t, p) // once there is nobody else, it is waited for
			require.Equal(t, wait*time.Millisecond, time.Since(began), "failure %d", i)
			began = time.Now()
			p.release(r, failed)
			require.True(t, p.routes("gpu")[0].Ejected)
		}
		trial := get(t, p)
		began = time.Now()
		go func() {
			<-time.After(time.Second)
			p.release(trial, answered)
		}()
		get(t, p)
		require.Equal(t, time.Second, time.Since(began), "one at a time tries a replica that failed")
		get(t, p)
		get(t, p)
		require.Equal(t, 3, p.routes("gpu")[0].InFlight, "it is as good as new")
	})
}

func TestPoolPrefersAnyToTheEjected(t *testing.T) {
	p := newPool(0)
	p.set("gpu", []wire.Route{to("a", 4), to("b", 4)})
	bad := get(t, p)
	p.release(bad, failed)
	for range 4 {
		require.NotEqual(t, bad.route.Server, get(t, p).route.Server)
	}
}

func TestPoolSendsNothingToTheDraining(t *testing.T) {
	p := newPool(0)
	p.set("gpu", []wire.Route{to("a", 4)})
	busy := get(t, p)
	drain := to("a", 4)
	drain.Draining = true
	p.set("gpu", []wire.Route{drain})
	_, err := p.acquire(t.Context(), need{}, time.Now().Add(time.Hour))
	require.ErrorIs(t, err, errFull)
	require.Equal(t, 1, p.routes("gpu")[0].InFlight, "what it had, it still has")
	p.release(busy, answered)
	require.Equal(t, 0, p.routes("gpu")[0].InFlight)
}

func TestPoolKeepsGroupsApart(t *testing.T) {
	p := newPool(0)
	p.set("gpu", []wire.Route{to("a", 1)})
	p.set("cpu", []wire.Route{to("b", 1)})
	get(t, p)
	get(t, p)
	p.set("gpu", nil)
	require.Empty(t, p.routes("gpu"))
	require.Equal(t, 1, p.routes("cpu")[0].InFlight)
	p.set("gpu", []wire.Route{to("a", 1)})
	require.Zero(t, p.routes("gpu")[0].InFlight, "another replica in the same place")
}

// A replica that was lost with a request is not tried with it again, nor one that
// has just failed with a fragile one, while there are others, busy or not.
func TestPoolHeedsNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(9)
		p.set("gpu", []wire.Route{to("a", 1), to("b", 1)})
		first, second := get(t, p), get(t, p)
		p.release(first, failed)
		<-time.After(time.Second) // it may be tried again
		for _, n := range []need{{tried: []*replica{first}}, {fragile: true}} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			_, err := p.acquire(ctx, n, time.Now().Add(time.Hour))
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded, "%+v: the other will be free some day", n)
		}
		waits := make(chan *replica)
		go func() {
			r, _ := p.acquire(t.Context(), need{fragile: true}, time.Now().Add(time.Hour))
			waits <- r
		}()
		synctest.Wait()
		go func() { waits <- get(t, p) }()
		require.Same(t, first, <-waits, "one behind that needs less passes")
		p.release(second, answered)
		require.Same(t, second, <-waits)

		p.set("gpu", []wire.Route{to("a", 1)})
		p.release(first, failed)
		r, err := p.acquire(t.Context(), need{tried: []*replica{first}, fragile: true}, time.Now().Add(time.Hour))
		require.NoError(t, err)
		require.Same(t, first, r, "there is no other")
	})
}

package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const memberPrefix = "member."

// Members are the operator's replicas that live, as their Leases tell. One of
// them is this one: Run renews its Lease. Safe for concurrent use.
type Members struct {
	Identity  string        // of this replica, unique: its pod's name
	Namespace string        // of the Leases
	Cache     client.Reader // of the Leases
	API       client.Client
	Duration  time.Duration // after which a Lease that is not renewed is dead
	Renew     time.Duration // how often this replica renews its own; below a third of Duration

	own *coordinationv1.Lease // as last written; of Run alone

	mu      sync.Mutex
	renewed time.Time // when the last renewal that was accepted was sent
	seen    map[string]sighting
}

// A sighting is a Lease as last seen to change. The clocks of replicas are not
// compared: what counts is when it changed here.
type sighting struct {
	version string
	at      time.Time
}

// Run renews this replica's Lease until ctx ends, and then gives it up.
func (m *Members) Run(ctx context.Context) error {
	ticker := time.NewTicker(m.Renew)
	defer ticker.Stop()
	for {
		m.renew(ctx)
		m.bury(ctx)
		select {
		case <-ctx.Done():
			m.leave()
			return nil
		case <-ticker.C:
		}
	}
}

// Start is Run, for a manager.
func (m *Members) Start(ctx context.Context) error { return m.Run(ctx) }

// NeedLeaderElection tells a manager that all replicas are members.
func (m *Members) NeedLeaderElection() bool { return false }

func (m *Members) lease() *coordinationv1.Lease {
	return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: m.Namespace, Name: memberPrefix + m.Identity}}
}

// renew renews the Lease once. What fails is tried again at the next renewal.
func (m *Members) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, m.Duration/3)
	defer cancel()
	sent := time.Now()
	l := m.own
	m.own = nil
	if l == nil {
		l = m.lease()
		if err := m.API.Get(ctx, client.ObjectKeyFromObject(l), l); client.IgnoreNotFound(err) != nil {
			return
		}
	}
	seconds, now := int32(m.Duration/time.Second), metav1.NowMicro()
	l.Spec.HolderIdentity, l.Spec.LeaseDurationSeconds, l.Spec.RenewTime = &m.Identity, &seconds, &now
	var err error
	if l.ResourceVersion == "" {
		l.Spec.AcquireTime = &now
		err = m.API.Create(ctx, l)
	} else {
		err = m.API.Update(ctx, l)
	}
	if err != nil {
		return
	}
	m.own = l
	m.mu.Lock()
	defer m.mu.Unlock()
	m.renewed = sent
}

// buried is after how many times Duration the Lease of a dead replica is deleted: one
// that comes back has none and makes another.
const buried = 10

// bury deletes the Leases of replicas that are long dead: a Deployment gives each pod
// a new name.
func (m *Members) bury(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, m.Duration/3)
	defer cancel()
	if _, err := m.Live(ctx); err != nil {
		return
	}
	dead := map[string]string{}
	m.mu.Lock()
	for name, s := range m.seen {
		if name != m.Identity && time.Since(s.at) > buried*m.Duration {
			dead[name] = s.version
		}
	}
	m.mu.Unlock()
	for name, version := range dead {
		l := m.lease()
		l.Name = memberPrefix + name
		_ = m.API.Delete(ctx, l, client.Preconditions{ResourceVersion: &version}) // else at the next renewal
	}
}

// leave gives up the Lease, so that others need not wait for its end.
func (m *Members) leave() {
	m.mu.Lock()
	m.renewed = time.Time{}
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), m.Renew)
	defer cancel()
	_ = m.API.Delete(ctx, m.lease()) // else it expires
}

// Valid reports whether no other replica may take this one for dead.
func (m *Members) Valid() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.renewed.IsZero() && time.Since(m.renewed) < m.Duration*2/3
}

// Live are the replicas that live, sorted.
func (m *Members) Live(ctx context.Context) ([]string, error) {
	var list coordinationv1.LeaseList
	if err := m.Cache.List(ctx, &list, client.InNamespace(m.Namespace)); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now, seen := time.Now(), map[string]sighting{}
	live := map[string]bool{}
	for i := range list.Items {
		l := &list.Items[i]
		name, ok := strings.CutPrefix(l.Name, memberPrefix)
		if !ok {
			continue
		}
		s := m.seen[name]
		if s.version != l.ResourceVersion {
			s = sighting{l.ResourceVersion, now}
		}
		seen[name] = s
		duration := m.Duration
		if l.Spec.LeaseDurationSeconds != nil {
			duration = time.Duration(*l.Spec.LeaseDurationSeconds) * time.Second
		}
		live[name] = now.Sub(s.at) < duration
	}
	m.seen = seen
	live[m.Identity] = !m.renewed.IsZero() && now.Sub(m.renewed) < m.Duration*2/3
	maps.DeleteFunc(live, func(_ string, lives bool) bool { return !lives })
	return slices.Sorted(maps.Keys(live)), nil
}

// Owner is to whom of the members something belongs: the one whose hash together
// with its name is the highest (rendezvous hashing), "" if there are none.
func Owner(members []string, name string) (owner string) {
	var best uint64
	for _, m := range members {
		sum := sha256.Sum256([]byte(m + "\x00" + name))
		if h := binary.BigEndian.Uint64(sum[:]); owner == "" || h > best || h == best && m < owner {
			owner, best = m, h
		}
	}
	return owner
}

// A Claim is the Lease of a group or service: who leads it, in which epoch.
type Claim struct {
	lease coordinationv1.Lease
}

func claimName(kind, namespace, name string) string { return kind + "." + namespace + "." + name }

// readClaim reads a claim at the API server. One that there is not is nobody's.
func (m *Members) readClaim(ctx context.Context, name string) (*Claim, error) {
	c := &Claim{}
	err := m.API.Get(ctx, types.NamespacedName{Namespace: m.Namespace, Name: name}, &c.lease)
	if apierrors.IsNotFound(err) {
		c.lease = coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: m.Namespace, Name: name}}
		err = nil
	}
	return c, err
}

// Holder is who leads, "" is nobody.
func (c *Claim) Holder() string {
	if c.lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *c.lease.Spec.HolderIdentity
}

// Epoch is how often the leader has changed.
func (c *Claim) Epoch() uint64 {
	if c.lease.Spec.LeaseTransitions == nil {
		return 0
	}
	return uint64(max(0, *c.lease.Spec.LeaseTransitions))
}

// hold writes a claim on the version that was read: of two who do at once one
// fails.
func (m *Members) hold(ctx context.Context, c *Claim, holder string, epoch uint64) error {
	now, n := metav1.NowMicro(), int32(min(epoch, 1<<31-1))
	c.lease.Spec.HolderIdentity, c.lease.Spec.LeaseTransitions, c.lease.Spec.AcquireTime = &holder, &n, &now
	if holder == "" {
		c.lease.Spec.HolderIdentity = nil // an empty one is not valid
	}
	if c.lease.ResourceVersion == "" {
		return m.API.Create(ctx, &c.lease)
	}
	return m.API.Update(ctx, &c.lease)
}

// forget deletes a claim, of what there is no more.
func (m *Members) forget(ctx context.Context, c *Claim) error {
	version := c.lease.ResourceVersion
	return client.IgnoreNotFound(m.API.Delete(ctx, &c.lease, client.Preconditions{ResourceVersion: &version}))
}

// leads reports as an error that this replica does not hold a claim in an epoch,
// or that others may take it for dead.
func (m *Members) leads(ctx context.Context, names []string, epoch uint64) error {
	if !m.Valid() {
		return fmt.Errorf("%w: the lease of %s is not renewed", errNotLeader, m.Identity)
	}
	for _, name := range names {
		c, err := m.readClaim(ctx, name)
		if err != nil {
			return err
		}
		if c.Holder() != m.Identity || c.Epoch() != epoch {
			return fmt.Errorf("%w: %s is led by %q in epoch %d", errNotLeader, name, c.Holder(), c.Epoch())
		}
	}
	return nil
}

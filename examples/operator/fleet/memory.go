package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/coordinator"
)

// MaxFile is the most bytes of data in one ConfigMap, keys included.
const MaxFile = 512 << 10

// maxParts leaves room for keys.
const maxParts = MaxFile - 4<<10

// A Memory keeps the state of one planner in ConfigMaps: one for each of its
// groups, and more where a group's state is larger than MaxFile.
//
// One ConfigMap is written at once or not at all. Where there are several, each
// holds the parts of the state before, too, and a group's first, which tells how
// many there are, is written last: whoever reads while they are written finds one of
// the two whole.
//
// Each write is on the version that was read or written last: when another has
// written since, Save fails, and so it does for a leader that has been replaced.
type Memory struct {
	API       client.Client
	Namespace string
	Prefix    string // of the names, before that of the group; begins with a letter

	versions map[string]string // resourceVersion of each ConfigMap; "" is to be created
	before   savedState
	sizes    map[string]int
}

// A savedState is the state as of one plan.
type savedState struct {
	at    string
	parts []coordinator.StatePart
}

// Names of keys in a ConfigMap.
const (
	keyFiles = "files" // how many ConfigMaps the group has
	keyNow   = "now"   // the plan that the parts now.* are of
	keyPast  = "past"  // the plan that the parts past.* are of
)

// file names the ConfigMaps of a group. A group may be named as another one and
// ".1", but no name that begins with Prefix begins with a digit.
func (m *Memory) file(group string, i int) string {
	name := m.Prefix + group
	if i > 0 {
		name = strconv.Itoa(i) + "." + name
	}
	return name
}

// Load restores a planner of these groups; "" is the one of services. It reports
// false when nothing is saved, or nothing that is whole: refused then says what
// the planner has against it, and it starts from what it finds. The error is one
// of the API.
func (m *Memory) Load(ctx context.Context, p *coordinator.Planner, groups []string) (restored bool, refused, err error) {
	m.versions, m.before = map[string]string{}, savedState{}
	states := map[string][]coordinator.StatePart{}
	for _, g := range groups {
		files := 1
		for i := 0; ; i++ {
			var c corev1.ConfigMap
			name := m.file(g, i)
			err := m.API.Get(ctx, types.NamespacedName{Namespace: m.Namespace, Name: name}, &c)
			if client.IgnoreNotFound(err) != nil {
				return false, nil, err
			}
			m.versions[name] = c.ResourceVersion
			if err != nil && i >= files-1 {
				break
			}
			if n, err := strconv.Atoi(c.Data[keyFiles]); err == nil && i == 0 {
				files = min(n, 1000)
			}
			if i >= files {
				continue // left behind by a save that was cut short
			}
			for _, key := range []string{keyNow, keyPast} {
				if at := c.Data[key]; at != "" {
					states[at] = append(states[at], readParts(g, key, c.BinaryData)...)
				}
			}
		}
	}
	newestFirst := slices.Sorted(maps.Keys(states))
	slices.Reverse(newestFirst)
	for _, whole := range []bool{true, false} { // first what all groups have, then what some have
		for _, at := range newestFirst {
			if whole && !covers(states[at], groups) {
				continue
			}
			if refused = p.RestoreParts(states[at]); refused == nil {
				m.before = savedState{at, states[at]}
				return true, nil, nil
			}
		}
	}
	return false, refused, nil
}

func covers(parts []coordinator.StatePart, groups []string) bool {
	for _, g := range groups {
		if !slices.ContainsFunc(parts, func(p coordinator.StatePart) bool { return p.Group == g && p.Last }) {
			return false
		}
	}
	return true
}

// Save writes a planner's state as of its last plan.
func (m *Memory) Save(ctx context.Context, p *coordinator.Planner, at time.Time, groups []string) error {
	now := savedState{at: at.UTC().Format("2006-01-02T15:04:05.000000000Z")}
	var err error
	if now.parts, err = p.StateParts(maxParts / 4); err != nil {
		return err
	}
	files := m.fill(now, savedState{}, groups, maxParts)
	if len(files) > 1 {
		files = m.fill(now, m.before, groups, maxParts/2)
	}
	names := slices.Sorted(maps.Keys(files))
	slices.SortStableFunc(names, func(a, b string) int { // a group's first comes after its others
		return cmp.Compare(strings.Index(b, m.Prefix), strings.Index(a, m.Prefix))
	})
	m.sizes = map[string]int{}
	for _, name := range names {
		if err := m.write(ctx, files[name]); err != nil {
			return err
		}
		m.sizes[name] = size(files[name])
	}
	m.before = now
	return m.prune(ctx, files)
}

// prune deletes the ConfigMaps that the state does not fill any more.
func (m *Memory) prune(ctx context.Context, files map[string]*corev1.ConfigMap) error {
	for name, version := range m.versions {
		if files[name] != nil {
			continue
		}
		if err := m.remove(ctx, name, version); err != nil {
			return err
		}
		delete(m.versions, name)
	}
	return nil
}

// remove deletes a ConfigMap, if it is still of a version.
func (m *Memory) remove(ctx context.Context, name, version string) error {
	if version == "" {
		return nil
	}
	err := m.API.Delete(ctx, m.configMap(name), client.Preconditions{ResourceVersion: &version})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("fleet: memory %s: %w", name, err)
	}
	return nil
}

// Sizes are the bytes of data in each ConfigMap that was written last.
func (m *Memory) Sizes() map[string]int { return maps.Clone(m.sizes) }

// Forget deletes all that is saved.
func (m *Memory) Forget(ctx context.Context) error {
	var errs []error
	for name, version := range m.versions {
		errs = append(errs, m.remove(ctx, name, version))
	}
	m.versions = map[string]string{}
	return errors.Join(errs...)
}

func (m *Memory) configMap(name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: m.Namespace, Name: name}}
}

// fill lays out two states in files of limited size each.
func (m *Memory) fill(now, past savedState, groups []string, limit int) map[string]*corev1.ConfigMap {
	files := map[string]*corev1.ConfigMap{}
	for _, g := range groups {
		n := 0
		for _, s := range []struct {
			key string
			savedState
		}{{keyNow, now}, {keyPast, past}} {
			if s.at == "" {
				continue
			}
			i, room := 0, limit
			for _, part := range s.parts {
				if part.Group != g {
					continue
				}
				if room -= len(part.Data); room < 0 {
					i, room = i+1, limit-len(part.Data)
				}
				name := m.file(g, i)
				c := files[name]
				if c == nil {
					c = m.configMap(name)
					c.Data, c.BinaryData = map[string]string{}, map[string][]byte{}
					files[name] = c
				}
				c.Data[s.key] = s.at
				c.BinaryData[partKey(s.key, &part)] = part.Data
				n = max(n, i+1)
			}
		}
		for i := range n {
			files[m.file(g, i)].Data[keyFiles] = strconv.Itoa(n)
		}
	}
	return files
}

func partKey(key string, p *coordinator.StatePart) string {
	name := key + "." + strconv.Itoa(p.Index)
	if p.Lossy {
		name += ".lossy"
	}
	if p.Last {
		name += ".last"
	}
	return name
}

func readParts(group, key string, data map[string][]byte) (parts []coordinator.StatePart) {
	for name, bytes := range data {
		rest, ok := strings.CutPrefix(name, key+".")
		fields := strings.Split(rest, ".")
		index, err := strconv.Atoi(fields[0])
		if !ok || err != nil {
			continue
		}
		parts = append(parts, coordinator.StatePart{
			Group: group, Index: index, Lossy: slices.Contains(fields, "lossy"), Last: slices.Contains(fields, "last"), Data: bytes,
		})
	}
	slices.SortFunc(parts, func(a, b coordinator.StatePart) int { return a.Index - b.Index })
	return parts
}

func size(c *corev1.ConfigMap) (n int) {
	for k, v := range c.BinaryData {
		n += len(k) + len(v)
	}
	for k, v := range c.Data {
		n += len(k) + len(v)
	}
	return n
}

func (m *Memory) write(ctx context.Context, c *corev1.ConfigMap) error {
	var err error
	if m.versions == nil {
		m.versions = map[string]string{}
	}
	m.versions[c.Name] += "" // from now on Refresh asks for it
	if c.ResourceVersion = m.versions[c.Name]; c.ResourceVersion == "" {
		err = m.API.Create(ctx, c)
	} else {
		err = m.API.Update(ctx, c)
	}
	if err == nil {
		m.versions[c.Name] = c.ResourceVersion
		return nil
	}
	// Whether it was written is not known: what it is now must be read. Another's
	// write is told from one's own by Claim.
	if !changed(err) {
		var now corev1.ConfigMap
		if client.IgnoreNotFound(m.API.Get(ctx, client.ObjectKeyFromObject(c), &now)) == nil && now.Data[keyNow] == c.Data[keyNow] {
			m.versions[c.Name] = now.ResourceVersion
			return nil
		}
	}
	return fmt.Errorf("fleet: memory %s: %w", c.Name, err)
}

// changed reports whether a write was refused since its object is not what was read
// or written last.
func changed(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err)
}

// Refresh reads the versions of the ConfigMaps anew, after a Save that failed
// though this is still the leader.
func (m *Memory) Refresh(ctx context.Context) error {
	for name := range m.versions {
		c := m.configMap(name)
		err := m.API.Get(ctx, client.ObjectKeyFromObject(c), c)
		if client.IgnoreNotFound(err) != nil {
			return err
		}
		m.versions[name] = c.ResourceVersion
	}
	return nil
}

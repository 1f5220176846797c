package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/operator/api/v1alpha1"
	"github.com/bellows-go/bellows/examples/operator/kube"
)

const (
	groupUnit   = "group."
	serviceUnit = "service."
	// strayUnit are the models of a namespace whose group there is not.
	strayUnit = "stray"
	// sweepUnit stands for all units of a namespace.
	sweepUnit = "sweep"
)

// A unit is what one planner sees: groups that models link, and these models.
type unit struct {
	name     string // groupUnit + its first group, or serviceUnit + its service
	groups   []*v1alpha1.ServerGroup
	models   []*v1alpha1.Model // sorted by name
	services []*v1alpha1.ScaledService
}

// claims are the names of the Leases that whoever plans the unit must hold.
func (u *unit) claims(namespace string) (names []string) {
	for _, g := range u.groups {
		names = append(names, claimName("group", namespace, g.Name))
	}
	for _, s := range u.services {
		names = append(names, claimName("service", namespace, s.Name))
	}
	return names
}

// groupNames are those of a planner's groups; of a service's, the one of no name.
func (u *unit) groupNames() (names []string) {
	for _, g := range u.groups {
		names = append(names, g.Name)
	}
	if len(u.services) > 0 {
		names = append(names, "")
	}
	return names
}

// unitsOf are the units of a namespace's groups and models, by name. Models that
// have a group which there is not are strays.
func unitsOf(groups []v1alpha1.ServerGroup, models []v1alpha1.Model) (units map[string]*unit, strays []*v1alpha1.Model) {
	root := map[string]string{}
	for i := range groups {
		root[groups[i].Name] = groups[i].Name
	}
	var find func(string) string
	find = func(name string) string {
		if root[name] != name {
			root[name] = find(root[name])
		}
		return root[name]
	}
	for i := range models {
		for _, f := range slices.Concat(models[i].Spec.Fallbacks, leaves(&models[i])) {
			if a, b := find(models[i].Spec.Group), find(f); a != "" && b != "" && a != b {
				root[max(a, b)] = min(a, b)
			}
		}
	}
	units = map[string]*unit{}
	for i := range groups {
		name := groupUnit + find(groups[i].Name)
		if units[name] == nil {
			units[name] = &unit{name: name}
		}
		units[name].groups = append(units[name].groups, &groups[i])
	}
	for i := range models {
		if r := find(models[i].Spec.Group); r != "" {
			units[groupUnit+r].models = append(units[groupUnit+r].models, &models[i])
		} else {
			strays = append(strays, &models[i])
		}
	}
	for _, u := range units {
		slices.SortFunc(u.groups, func(a, b *v1alpha1.ServerGroup) int { return cmp.Compare(a.Name, b.Name) })
		slices.SortFunc(u.models, func(a, b *v1alpha1.Model) int { return cmp.Compare(a.Name, b.Name) })
	}
	return units, strays
}

// leaves are the groups that a model is declared for no more, and that may hold
// replicas of it: they go when others serve in their place, which takes one
// planner.
func leaves(m *v1alpha1.Model) []string {
	return slices.DeleteFunc(append([]string{m.Status.Group}, m.Status.Left...), func(g string) bool {
		return g == "" || g == m.Spec.Group || slices.Contains(m.Spec.Fallbacks, g)
	})
}

// left are the groups of a unit, other than the one that a model lives on, that hold
// replicas of it, or may as far as is seen.
func left(m *v1alpha1.Model, lives string, u *unit, w *coordinator.World) (groups []string) {
	for _, g := range u.groups {
		i := slices.IndexFunc(w.Groups, func(x coordinator.GroupState) bool { return x.Name == g.Name })
		may := i < 0 && (m.Status.Group == g.Name || slices.Contains(m.Status.Left, g.Name))
		if g.Name != lives && (may || i >= 0 && holds(m.Name)(w.Groups[i])) {
			groups = append(groups, g.Name)
		}
	}
	return groups
}

// holds tells a group that has a replica of a model, in any phase.
func holds(model string) func(coordinator.GroupState) bool {
	return func(g coordinator.GroupState) bool {
		return slices.ContainsFunc(g.Servers, func(s coordinator.ServerState) bool {
			return slices.ContainsFunc(s.Replicas, func(r coordinator.ReplicaState) bool { return r.Model == model })
		})
	}
}

// lists are a namespace's groups and models, from the cache.
func (o *Operator) lists(ctx context.Context, namespace string) (groups v1alpha1.ServerGroupList, models v1alpha1.ModelList, err error) {
	if err = o.cache.List(ctx, &groups, client.InNamespace(namespace), client.UnsafeDisableDeepCopyOption(true)); err == nil {
		err = o.cache.List(ctx, &models, client.InNamespace(namespace), client.UnsafeDisableDeepCopyOption(true))
	}
	return groups, models, err
}

// find reads a unit from the cache; nil if there is none.
func (o *Operator) find(ctx context.Context, key types.NamespacedName) (*unit, error) {
	if name, ok := strings.CutPrefix(key.Name, serviceUnit); ok {
		var s v1alpha1.ScaledService
		err := o.cache.Get(ctx, types.NamespacedName{Namespace: key.Namespace, Name: name}, &s)
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err != nil || s.DeletionTimestamp != nil {
			return nil, nil
		}
		return &unit{name: key.Name, services: []*v1alpha1.ScaledService{&s}}, nil
	}
	groups, models, err := o.lists(ctx, key.Namespace)
	if err != nil {
		return nil, err
	}
	groups.Items = slices.DeleteFunc(groups.Items, func(g v1alpha1.ServerGroup) bool { return g.DeletionTimestamp != nil })
	units, _ := unitsOf(groups.Items, models.Items)
	return units[key.Name], nil
}

// keys are all units of a namespace.
func (o *Operator) keys(ctx context.Context, namespace string) (keys []types.NamespacedName, err error) {
	groups, models, err := o.lists(ctx, namespace)
	if err != nil {
		return nil, err
	}
	units, strays := unitsOf(groups.Items, models.Items)
	for name := range units {
		keys = append(keys, types.NamespacedName{Namespace: namespace, Name: name})
	}
	if len(strays) > 0 {
		keys = append(keys, types.NamespacedName{Namespace: namespace, Name: strayUnit})
	}
	var services v1alpha1.ScaledServiceList
	if err := o.cache.List(ctx, &services, client.InNamespace(namespace), client.UnsafeDisableDeepCopyOption(true)); err != nil {
		return nil, err
	}
	for i := range services.Items {
		keys = append(keys, types.NamespacedName{Namespace: namespace, Name: serviceUnit + services.Items[i].Name})
	}
	return keys, nil
}

// A declared is what a unit declares, as a planner and an actuator take it.
type declared struct {
	coordinator.Declarations
	groups   []kube.Group
	services []kube.Service
	faults   map[string]error // what is not accepted, and why, by faultOf
	stamp    string           // of what it was made from
}

// faultOf names an object among faults: kinds may share names.
func faultOf(x client.Object) string { return fmt.Sprintf("%T %s", x, x.GetName()) }

// stampOf tells one set of objects from another.
func stampOf(u *unit, hpas []autoscalingv2.HorizontalPodAutoscaler) string {
	var b strings.Builder
	add := func(x client.Object) {
		fmt.Fprintln(&b, x.GetName(), x.GetUID(), x.GetGeneration(), x.GetDeletionTimestamp() != nil)
	}
	for _, g := range u.groups {
		add(g)
	}
	for _, m := range u.models {
		add(m)
	}
	for _, s := range u.services {
		add(s)
	}
	for i := range hpas { // whose generation need not rise
		text, _ := json.Marshal(hpas[i].Spec) // of plain data: never fails
		fmt.Fprintln(&b, hpas[i].Name, string(text))
	}
	return b.String()
}

// declare turns a unit into declarations. Of what has faults the last that had
// none stands, as the last declarations say; where there is none it is left out.
func (o *Operator) declare(ctx context.Context, namespace string, u *unit, last *declared) (declared, error) {
	kept := &last.Declarations
	d := declared{faults: map[string]error{}}
	var hpas autoscalingv2.HorizontalPodAutoscalerList
	if err := o.cache.List(ctx, &hpas, client.InNamespace(namespace), client.UnsafeDisableDeepCopyOption(true)); err != nil {
		return d, err
	}
	slices.SortFunc(hpas.Items, func(a, b autoscalingv2.HorizontalPodAutoscaler) int { return cmp.Compare(a.Name, b.Name) })
	if d.stamp = stampOf(u, hpas.Items); d.stamp == last.stamp {
		return *last, nil
	}
	by := Declarer{Kinds: o.Kinds, HPA: func(name string) (*autoscalingv2.HorizontalPodAutoscaler, error) {
		for i := range hpas.Items {
			if hpas.Items[i].Name == name {
				return &hpas.Items[i], nil
			}
		}
		return nil, fmt.Errorf("there is no %q", name)
	}}
	for _, g := range u.groups {
		to, at, err := by.Group(g)
		if err == nil {
			err = scaledTwice(&g.Spec.Workload, hpas.Items)
		}
		if err == nil {
			err = coordinator.Declarations{Groups: []coordinator.ServerGroup{to}}.Validate()
		}
		if err != nil {
			d.faults[faultOf(g)] = err
			i := slices.IndexFunc(kept.Groups, func(x coordinator.ServerGroup) bool { return x.Name == g.Name })
			if i < 0 || at.Workload.Kind == "" {
				continue
			}
			to = kept.Groups[i]
		}
		d.Groups, d.groups = append(d.Groups, to), append(d.groups, at)
	}
	for _, s := range u.services {
		to, at, err := by.Service(s)
		if err == nil {
			err = scaledTwice(&s.Spec.Target, hpas.Items)
		}
		if err == nil {
			err = coordinator.Declarations{Services: []coordinator.Service{to}}.Validate()
		}
		if err != nil {
			d.faults[faultOf(s)] = err
			i := slices.IndexFunc(kept.Services, func(x coordinator.Service) bool { return x.Name == s.Name })
			if i < 0 || at.Target.Kind == "" {
				continue
			}
			to = kept.Services[i]
		}
		d.Services, d.services = append(d.Services, to), append(d.services, at)
	}
	for _, m := range u.models {
		to, err := by.Model(m)
		if err != nil {
			d.faults[faultOf(m)] = err
			i := slices.IndexFunc(kept.Models, func(x coordinator.Model) bool { return x.Name == m.Name })
			if i < 0 {
				continue
			}
			to = kept.Models[i]
		}
		d.Models = append(d.Models, to)
	}
	d.sift(u, kept)
	return d, nil
}

// sift takes out of the declarations what keeps them from being valid together.
func (d *declared) sift(u *unit, kept *coordinator.Declarations) {
	if d.Validate() == nil {
		return
	}
	byName := map[string]*v1alpha1.Model{}
	for _, m := range u.models {
		byName[m.Name] = m
	}
	valid := func(m coordinator.Model) error {
		list := []coordinator.Model{m}
		if i := slices.IndexFunc(d.Models, func(x coordinator.Model) bool { return x.Name == m.With }); i >= 0 && m.With != "" {
			list = append(list, d.Models[i])
		}
		return coordinator.Declarations{Groups: d.Groups, Models: list}.Validate()
	}
	var models []coordinator.Model
	for _, m := range d.Models {
		err := valid(m)
		if err != nil {
			d.faults[faultOf(byName[m.Name])] = err
			i := slices.IndexFunc(kept.Models, func(x coordinator.Model) bool { return x.Name == m.Name })
			if i < 0 || valid(kept.Models[i]) != nil {
				continue
			}
			m = kept.Models[i]
		}
		models = append(models, m)
	}
	d.Models = models
	if err := d.Validate(); err != nil { // only together: what was valid before stands
		for _, m := range u.models {
			d.faults[faultOf(m)] = err
		}
		d.Declarations = *kept
	}
}

// scaledTwice reports as an error that a HorizontalPodAutoscaler scales an object.
func scaledTwice(r *v1alpha1.ObjectRef, hpas []autoscalingv2.HorizontalPodAutoscaler) error {
	for i := range hpas {
		if t := &hpas[i].Spec.ScaleTargetRef; t.Kind == r.Kind && t.Name == r.Name {
			return fmt.Errorf("the HorizontalPodAutoscaler %q scales %s %q, too; point its scaleTargetRef elsewhere", hpas[i].Name, r.Kind, r.Name)
		}
	}
	return nil
}

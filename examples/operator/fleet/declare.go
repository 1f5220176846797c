package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/operator/api/v1alpha1"
	"github.com/bellows-go/bellows/examples/operator/kube"
	"github.com/bellows-go/bellows/policy"
)

// A Declarer turns custom resources into what a planner takes.
type Declarer struct {
	Kinds policy.Kinds // of policies; nil is policy.BuiltinKinds
	// HPA finds a HorizontalPodAutoscaler by its name, for PolicyFrom.
	HPA func(name string) (*autoscalingv2.HorizontalPodAutoscaler, error)
}

// Model is a model as a planner takes it. One that is being deleted has no
// replicas. The error names every field that cannot be carried over.
func (d *Declarer) Model(m *v1alpha1.Model) (coordinator.Model, error) {
	var errs []error
	s := &m.Spec
	to := coordinator.Model{
		Name: m.Name, Group: s.Group, Fallbacks: slices.Clone(s.Fallbacks), Version: s.Version, Requires: slices.Clone(s.Requires),
		Dedicated: s.Dedicated, With: s.With, Priority: int(s.Priority), Weight: int(s.Weight), MinReady: int(s.MinReady), Slots: int(s.Slots),
		LoadTime: s.LoadTime.Duration, DrainTimeout: s.DrainTimeout.Duration,
	}
	to.Needs, errs = amounts("spec.needs", s.Needs, true, errs)
	to.Pinned, errs = amounts("spec.pinned", s.Pinned, true, errs)
	if s.Spread != nil {
		to.Spread = coordinator.Spread{MaxSkew: int(s.Spread.MaxSkew), Soft: s.Spread.Soft}
	}
	switch {
	case m.DeletionTimestamp != nil:
	case s.Replicas != nil:
		to.Replicas = int(*s.Replicas)
	default:
		var err error
		to.Policy, to.Min, to.Max, err = d.policy(s.Policy, s.PolicyFrom, s.MinReplicas, s.MaxReplicas)
		errs = append(errs, err)
		if to.Max == 0 {
			to.Policy = nil // it is to have no replica
		}
	}
	return to, errors.Join(errs...)
}

// Group is a group as a planner and an actuator take it.
func (d *Declarer) Group(g *v1alpha1.ServerGroup) (to coordinator.ServerGroup, at kube.Group, err error) {
	var errs []error
	s := &g.Spec
	to = coordinator.ServerGroup{
		Name: g.Name, Capabilities: slices.Clone(s.Capabilities), Zones: slices.Clone(s.Zones), BootTime: s.BootTime.Duration, OneToOne: s.OneToOne,
		Min: count(s.MinServers, 0), Max: count(s.MaxServers, 0),
	}
	if s.Replicas != nil {
		to.Min, to.Max = int(*s.Replicas), int(*s.Replicas)
	}
	to.Capacity, errs = amounts("spec.capacity", s.Capacity, false, errs)
	for name, percent := range s.OvercommitPercent {
		if to.Overcommit == nil {
			to.Overcommit = map[string]float64{}
		}
		to.Overcommit[name] = float64(percent) / 100
	}
	if s.Removal == "Ordinal" || s.Removal == "" && s.Workload.Kind == "StatefulSet" {
		to.Removal = coordinator.Ordinal
	}
	if c := s.Consolidation; c != nil {
		to.Consolidation = coordinator.Consolidation{Off: c.Off, Settle: c.Settle.Duration, Quiet: c.Quiet.Duration, MaxMoves: int(c.MaxMoves)}
	}
	at = kube.Group{Name: g.Name, Removal: to.Removal}
	at.Workload, err = ref(g.Namespace, &s.Workload)
	return to, at, errors.Join(append(errs, err)...)
}

// Service is a service as a planner and an actuator take it.
func (d *Declarer) Service(x *v1alpha1.ScaledService) (to coordinator.Service, at kube.Service, err error) {
	s := &x.Spec
	to = coordinator.Service{Name: x.Name, Slots: int(s.Slots), StartTime: s.StartTime.Duration}
	to.Policy, to.Min, to.Max, err = d.policy(s.Policy, s.PolicyFrom, s.MinReplicas, s.MaxReplicas)
	at = kube.Service{Name: x.Name}
	var err2 error
	at.Target, err2 = ref(x.Namespace, &s.Target)
	return to, at, errors.Join(err, err2)
}

// policy is a policy and its bounds.
func (d *Declarer) policy(p *v1alpha1.PolicySpec, from *v1alpha1.PolicyFrom, low, high *int32) (c policy.Config, lowest, highest int, err error) {
	if from != nil {
		h, err := d.HPA(from.HorizontalPodAutoscaler)
		if err != nil {
			return nil, 0, 0, fmt.Errorf("spec.policyFrom.horizontalPodAutoscaler: %w", err)
		}
		text, err := json.Marshal(h.Spec)
		if err != nil {
			return nil, 0, 0, err
		}
		parsed, err := policy.ParseHPA(text)
		if err != nil {
			return nil, 0, 0, fmt.Errorf("spec.policyFrom.horizontalPodAutoscaler: %s: %w", h.Name, err)
		}
		least := 1
		if parsed.MinReplicas != nil {
			least = *parsed.MinReplicas
		}
		return parsed, count(low, least), count(high, parsed.MaxReplicas), nil
	}
	if p == nil {
		return nil, 0, 0, errors.New("spec.policy: must be set")
	}
	named := struct {
		Kind string          `json:"kind"`
		Spec json.RawMessage `json:"spec,omitempty"`
	}{Kind: p.Kind}
	if p.Spec != nil {
		named.Spec = p.Spec.Raw
	}
	text, err := json.Marshal(named)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("spec.policy: %w", err)
	}
	kinds := d.Kinds
	if kinds == nil {
		kinds = policy.BuiltinKinds()
	}
	if c, err = kinds.Decode(text); err == nil {
		err = c.Validate()
	}
	if err != nil {
		return nil, 0, 0, fmt.Errorf("spec.policy: %w", err)
	}
	return c, count(low, 0), count(high, 0), nil
}

func count(n *int32, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return int(*n)
}

// amounts are quantities as whole numbers, of cpu in thousandths; needs are rounded up
// and capacities down.
func amounts(field string, q map[string]resource.Quantity, up bool, errs []error) (coordinator.Resources, []error) {
	to := coordinator.Resources{}
	for name, x := range q {
		n := x.Value() // rounds up
		if name == "cpu" {
			n = x.MilliValue()
		} else if whole := resource.NewQuantity(n, resource.DecimalSI); !up && whole.Cmp(x) > 0 {
			n--
		}
		if n < 0 {
			errs = append(errs, fmt.Errorf("%s.%s: must be >= 0, is %s", field, name, x.String()))
		}
		to[name] = n
	}
	return to, errs
}

func ref(namespace string, r *v1alpha1.ObjectRef) (kube.Ref, error) {
	v, err := schema.ParseGroupVersion(r.APIVersion)
	if err != nil {
		return kube.Ref{}, fmt.Errorf("spec: apiVersion: %w", err)
	}
	return kube.Ref{GroupVersionKind: v.WithKind(r.Kind), NamespacedName: types.NamespacedName{Namespace: namespace, Name: r.Name}}, nil
}

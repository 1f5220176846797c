package fleet_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/examples/operator/api/v1alpha1"
	"github.com/bellows-go/bellows/examples/operator/fleet"
	"github.com/bellows-go/bellows/policy"
)

// When a member goes only what it had moves; when one comes only what it gains
// does; and nobody has twice a fair share.
func TestOwner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 8).Draw(t, "members")
		var members []string
		for i := range n {
			members = append(members, fmt.Sprintf("operator-%d", i))
		}
		gone := members[rapid.IntRange(0, n-1).Draw(t, "gone")]
		left := slices.DeleteFunc(slices.Clone(members), func(m string) bool { return m == gone })
		const units = 1000
		has := map[string]int{}
		for i := range units {
			name := fmt.Sprintf("ns/group.g%d", i)
			owner, then := fleet.Owner(members, name), fleet.Owner(left, name)
			has[owner]++
			if owner != gone && then != owner {
				t.Fatalf("%s moves from %s to %s, though only %s has gone", name, owner, then, gone)
			}
			backwards := slices.Clone(members)
			slices.Reverse(backwards)
			if fleet.Owner(backwards, name) != owner {
				t.Fatalf("the owner of %s depends on the order of members", name)
			}
		}
		for m, k := range has {
			if k > 2*units/n || k < units/n/2 {
				t.Fatalf("%s has %d of %d units, of %d members", m, k, units, n)
			}
		}
	})
	if owner := fleet.Owner(nil, "x"); owner != "" {
		t.Errorf("nobody is %q", owner)
	}
}

func TestDeclarer(t *testing.T) {
	q := resource.MustParse
	hpa := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "old"}}
	value := q("30")
	hpa.Spec = autoscalingv2.HorizontalPodAutoscalerSpec{
		MinReplicas: number(2), MaxReplicas: 7,
		Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
			Metric: autoscalingv2.MetricIdentifier{Name: "depth"}, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: &value},
		}}},
	}
	d := fleet.Declarer{HPA: func(name string) (*autoscalingv2.HorizontalPodAutoscaler, error) {
		if name != "old" {
			return nil, fmt.Errorf("there is no %q", name)
		}
		return hpa, nil
	}}
	adopted := v1alpha1.ModelSpec{Group: "g", PolicyFrom: &v1alpha1.PolicyFrom{HorizontalPodAutoscaler: "old"}}
	m, err := d.Model(&v1alpha1.Model{Spec: adopted})
	if h, ok := m.Policy.(policy.HPA); err != nil || !ok || m.Min != 2 || m.Max != 7 || len(h.Metrics) != 1 || h.Metrics[0].Name != "depth" {
		t.Errorf("adopted: %+v, %v", m, err)
	}
	adopted.MaxReplicas = number(3)
	if m, err := d.Model(&v1alpha1.Model{Spec: adopted}); err != nil || m.Min != 2 || m.Max != 3 {
		t.Errorf("adopted with a bound of one's own: %d to %d, %v", m.Min, m.Max, err)
	}
	now := metav1.Now()
	gone := v1alpha1.Model{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &now}, Spec: adopted}
	if m, err := d.Model(&gone); err != nil || m.Replicas != 0 || m.Max != 0 || m.Policy != nil {
		t.Errorf("deleted: %+v, %v", m, err)
	}

	spec := v1alpha1.ModelSpec{Group: "g", Replicas: number(1), Needs: map[string]resource.Quantity{"cpu": q("250m"), "memory": q("1500m"), "gpu": q("2")}}
	if m, err := d.Model(&v1alpha1.Model{Spec: spec}); err != nil || m.Needs["cpu"] != 250 || m.Needs["memory"] != 2 || m.Needs["gpu"] != 2 {
		t.Errorf("needs: %v, %v", m.Needs, err)
	}
	g := v1alpha1.ServerGroup{Spec: v1alpha1.ServerGroupSpec{
		Workload: v1alpha1.ObjectRef{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "g"}, MaxServers: number(1),
		Capacity: map[string]resource.Quantity{"cpu": q("250m"), "memory": q("1500m")},
	}}
	if to, _, err := d.Group(&g); err != nil || to.Capacity["cpu"] != 250 || to.Capacity["memory"] != 1 {
		t.Errorf("capacity: %v, %v", to.Capacity, err)
	}

	for _, bad := range []struct {
		spec v1alpha1.ModelSpec
		says []string
	}{
		{v1alpha1.ModelSpec{PolicyFrom: &v1alpha1.PolicyFrom{HorizontalPodAutoscaler: "none"}}, []string{"spec.policyFrom.horizontalPodAutoscaler", `"none"`}},
		{v1alpha1.ModelSpec{Policy: &v1alpha1.PolicySpec{Kind: "guess"}}, []string{"spec.policy", "guess"}},
		{v1alpha1.ModelSpec{Policy: &v1alpha1.PolicySpec{Kind: "track", Spec: &runtime.RawExtension{Raw: []byte(`{"value":-1}`)}}}, []string{"spec.policy", "Value"}},
		{
			v1alpha1.ModelSpec{Replicas: number(1), Needs: map[string]resource.Quantity{"gpu": q("-1")}, Pinned: map[string]resource.Quantity{"memory": q("-1")}},
			[]string{"spec.needs.gpu", "spec.pinned.memory"},
		},
		{v1alpha1.ModelSpec{}, []string{"spec.policy", "must be set"}},
	} {
		_, err := d.Model(&v1alpha1.Model{Spec: bad.spec})
		for _, text := range bad.says {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%+v: the error does not say %q: %v", bad.spec, text, err)
			}
		}
	}
}

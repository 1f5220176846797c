package kube_test

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bellows-go/bellows/examples/operator/kube"
)

// replicas is a workload's spec.replicas, as the API server has it.
func replicas(ctx context.Context, r kube.Ref) (int, error) {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(r.GroupVersionKind)
	if err := env.API.Get(ctx, r.NamespacedName, u); err != nil {
		return 0, err
	}
	n, _, err := unstructured.NestedInt64(u.Object, "spec", "replicas")
	return int(n), err
}

package kube_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/bellows-go/bellows/examples/operator/internal/kubetest"
	"github.com/bellows-go/bellows/examples/operator/kube"
)

// A listing is a cache that has not listed a kind yet: who asks waits.
type listing struct {
	client.Reader
	done   bool
	waited int // times that it could be waited for
}

func (l *listing) Get(ctx context.Context, key client.ObjectKey, x client.Object, o ...client.GetOption) error {
	if l.done {
		return l.Reader.Get(ctx, key, x, o...)
	}
	if ctx.Err() == nil {
		l.waited++
	}
	<-ctx.Done()
	return apierrors.NewTimeoutError("not listed", 0)
}

// A kind that cannot be listed is waited for once, and the reason stands; once it is
// listed it is seen.
func TestUnsynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nothing := fake.NewClientBuilder().Build()
		kind := kubetest.StatefulSetKind
		api := interceptor.NewClient(nothing, interceptor.Funcs{
			Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
				return apierrors.NewForbidden(schema.GroupResource{Group: kind.Group, Resource: "statefulsets"}, "gpu", nil)
			},
		})
		l := &listing{Reader: nothing}
		r := kube.Ref{GroupVersionKind: kind, NamespacedName: types.NamespacedName{Namespace: "n", Name: "gpu"}}
		a, err := kube.New(kube.Options{Cache: l, API: api, Groups: []kube.Group{{Name: "gpu", Workload: r}}})
		must(t, err)
		for range 5 {
			if seen, err := a.Observe(t.Context()); err != nil || len(seen.Unseen) != 1 {
				t.Errorf("%+v, %v", seen, err)
			}
			if err := a.Why(t.Context(), "gpu"); err == nil || !strings.Contains(err.Error(), "forbidden") {
				t.Errorf("why: %v", err)
			}
		}
		if l.waited != 1 {
			t.Errorf("it was waited for %d times", l.waited)
		}
		l.done = true
		if err := a.Why(t.Context(), "gpu"); !apierrors.IsNotFound(err) {
			t.Errorf("listed, and there is no such object: %v", err)
		}
	})
}

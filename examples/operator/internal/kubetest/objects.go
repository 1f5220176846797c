package kubetest

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bellows-go/bellows/examples/operator/kube"
)

func template(name string) (*metav1.LabelSelector, corev1.PodTemplateSpec) {
	labels := map[string]string{"app": name}
	return &metav1.LabelSelector{MatchLabels: labels}, corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: PodSpec()}
}

// PodSpec is that of a server.
func PodSpec() corev1.PodSpec {
	no := false
	return corev1.PodSpec{
		AutomountServiceAccountToken: &no, Containers: []corev1.Container{{
			Name: "server", Image: "example.test/server",
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}},
		}},
	}
}

// StatefulSet makes one of n pods, which come and go in parallel.
func (e *Env) StatefulSet(ctx context.Context, namespace, name string, n int32) (kube.Ref, error) {
	s := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	s.Spec.Replicas, s.Spec.ServiceName, s.Spec.PodManagementPolicy = &n, name, appsv1.ParallelPodManagement
	s.Spec.Selector, s.Spec.Template = template(name)
	return refTo(StatefulSetKind, namespace, name), e.API.Create(ctx, s)
}

// StatefulSetKind is that of StatefulSets.
var StatefulSetKind = appsv1.SchemeGroupVersion.WithKind("StatefulSet")

// Deployment makes one of n pods.
func (e *Env) Deployment(ctx context.Context, namespace, name string, n int32) (kube.Ref, error) {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	d.Spec.Replicas = &n
	d.Spec.Selector, d.Spec.Template = template(name)
	return refTo(appsv1.SchemeGroupVersion.WithKind("Deployment"), namespace, name), e.API.Create(ctx, d)
}

// Fleet makes an object of FleetKind of n pods.
func (e *Env) Fleet(ctx context.Context, namespace, name string, n int64) (kube.Ref, error) {
	f := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"replicas": n}}}
	f.SetGroupVersionKind(FleetKind)
	f.SetNamespace(namespace)
	f.SetName(name)
	return refTo(FleetKind, namespace, name), e.API.Create(ctx, f)
}

func refTo(kind schema.GroupVersionKind, namespace, name string) kube.Ref {
	return kube.Ref{GroupVersionKind: kind, NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

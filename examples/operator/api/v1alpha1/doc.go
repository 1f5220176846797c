// Package v1alpha1 holds the custom resources by which a fleet is declared in
// Kubernetes: [Model], [ServerGroup] and [ScaledService]. They say what
// coordinator.Model, coordinator.ServerGroup and coordinator.Service say; read
// those for the meaning of a field that is not explained here.
//
// Amounts of a resource are quantities. They count in whole units, rounded up
// for needs and down for capacities, but cpu in thousandths.
//
// +kubebuilder:object:generate=true
// +groupName=bellows-go.github.io
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and its version.
var GroupVersion = schema.GroupVersion{Group: "bellows-go.github.io", Version: "v1alpha1"}

// AddToScheme makes the types known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&Model{}, &ModelList{}, &ServerGroup{}, &ServerGroupList{}, &ScaledService{}, &ScaledServiceList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}

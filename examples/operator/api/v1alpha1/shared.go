package v1alpha1

import (
	"k8s.io/apimachinery/pkg/runtime"
)

// A PolicySpec is a policy by its kind, as policy.Kinds reads it:
//
//	policy:
//	  kind: track
//	  spec: {signal: {name: in_flight}, value: 4, tolerance: 0.1}
type PolicySpec struct {
	// +kubebuilder:validation:MinLength=1
	Kind string `json:"kind"`
	// The policy's own fields.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	Spec *runtime.RawExtension `json:"spec,omitempty"`
}

// A PolicyFrom names an object whose spec is the policy.
type PolicyFrom struct {
	// The name of a HorizontalPodAutoscaler (autoscaling/v2) of the same namespace.
	// Its metrics and behavior decide, by the same rules as in the cluster's own
	// controller, and its bounds hold where there are none here. It is only read: its scaleTargetRef means nothing here, and must
	// not name what is scaled here, or two would scale it.
	// +kubebuilder:validation:MinLength=1
	HorizontalPodAutoscaler string `json:"horizontalPodAutoscaler"`
}

// An ObjectRef names an object of the same namespace that has a scale
// subresource.
type ObjectRef struct {
	// +kubebuilder:validation:MinLength=1
	APIVersion string `json:"apiVersion"`
	// +kubebuilder:validation:MinLength=1
	Kind string `json:"kind"`
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
}

// The types of condition. Each refers to a generation of its object.
const (
	// ConditionAccepted: the declaration is valid and in force. False: what stood
	// before it stays in force, or nothing does.
	ConditionAccepted = "Accepted"
	// ConditionScheduled, of a Model: every replica that is wanted has a place.
	ConditionScheduled = "Scheduled"
	// ConditionReady: what is wanted of this generation is there and serves.
	ConditionReady = "Ready"
	// ConditionObserved: the workload could be seen in the last pass. False: it is
	// held as it is.
	ConditionObserved = "Observed"
	// ConditionMeasured, of a ServerGroup or a ScaledService: the load could be read
	// in the last pass. False: what was not read falls in no count.
	ConditionMeasured = "Measured"
)

// Finalizer keeps a Model until its replicas are unloaded.
const Finalizer = "bellows-go.github.io/unload"

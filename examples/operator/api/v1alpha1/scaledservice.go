package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A ScaledService is an object with a scale subresource whose count of replicas a
// policy decides: a gateway, say. Nothing is packed onto it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=bservice,categories=bellows
// +kubebuilder:printcolumn:name="Kind",type=string,JSONPath=`.spec.target.kind`
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.target.name`
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.status.desiredReplicas`
// +kubebuilder:printcolumn:name="Ready",type=integer,JSONPath=`.status.readyReplicas`
// +kubebuilder:printcolumn:name="Why",type=string,JSONPath=`.status.reason`,priority=1
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 52",message="a service's name has at most 52 characters"
type ScaledService struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ScaledServiceSpec   `json:"spec"`
	Status ScaledServiceStatus `json:"status,omitempty"`
}

// A ScaledServiceSpec declares a service, as coordinator.Service does.
//
// +kubebuilder:validation:XValidation:rule="has(self.policy) != has(self.policyFrom)",message="one of policy and policyFrom"
// +kubebuilder:validation:XValidation:rule="!has(self.policy) || has(self.maxReplicas)",message="a policy needs maxReplicas"
// +kubebuilder:validation:XValidation:rule="!has(self.maxReplicas) || !has(self.minReplicas) || self.minReplicas <= self.maxReplicas",message="minReplicas is more than maxReplicas"
type ScaledServiceSpec struct {
	// What is scaled. It does not change.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a service keeps its target"
	Target ObjectRef `json:"target"`
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	MinReplicas *int32 `json:"minReplicas,omitempty"`
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	MaxReplicas *int32 `json:"maxReplicas,omitempty"`
	// +optional
	Policy *PolicySpec `json:"policy,omitempty"`
	// +optional
	PolicyFrom *PolicyFrom `json:"policyFrom,omitempty"`
	// Requests one replica serves at once; 0 unknown.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Slots int32 `json:"slots,omitempty"`
	// An estimate, from order to ready.
	// +optional
	StartTime metav1.Duration `json:"startTime,omitempty"`
}

// A ScaledServiceStatus is how a service stands.
type ScaledServiceStatus struct {
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	DesiredReplicas    int32 `json:"desiredReplicas"`
	ReadyReplicas      int32 `json:"readyReplicas"`
	// The rule behind the last change of desiredReplicas, with its numbers.
	// +optional
	Reason string `json:"reason,omitempty"`
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// A ScaledServiceList is a list of services.
//
// +kubebuilder:object:root=true
type ScaledServiceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ScaledService `json:"items"`
}

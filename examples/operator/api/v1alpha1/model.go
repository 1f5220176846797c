package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A Model has replicas, which are packed onto the servers of a group.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:resource:shortName=bmodel,categories=bellows
// +kubebuilder:printcolumn:name="Group",type=string,JSONPath=`.status.group`
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.status.desiredReplicas`
// +kubebuilder:printcolumn:name="Serving",type=integer,JSONPath=`.status.replicas`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Why",type=string,JSONPath=`.status.reason`,priority=1
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="a model's name becomes part of a label and has at most 63 characters"
type Model struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ModelSpec   `json:"spec"`
	Status ModelStatus `json:"status,omitempty"`
}

// A ModelSpec declares a model, as coordinator.Model does.
//
// +kubebuilder:validation:XValidation:rule="has(self.replicas) != (has(self.policy) || has(self.policyFrom))",message="either replicas, or one of policy and policyFrom"
// +kubebuilder:validation:XValidation:rule="!(has(self.policy) && has(self.policyFrom))",message="policy and policyFrom exclude each other"
// +kubebuilder:validation:XValidation:rule="!has(self.policy) || has(self.maxReplicas)",message="a policy needs maxReplicas"
// +kubebuilder:validation:XValidation:rule="!has(self.maxReplicas) || !has(self.minReplicas) || self.minReplicas <= self.maxReplicas",message="minReplicas is more than maxReplicas"
// +kubebuilder:validation:XValidation:rule="!has(self.replicas) || (!has(self.minReplicas) && !has(self.maxReplicas))",message="a fixed count has no bounds"
// +kubebuilder:validation:XValidation:rule="!has(self.fallbacks) || !(self.group in self.fallbacks)",message="a group is no fallback of itself"
type ModelSpec struct {
	// The ServerGroup that hosts it.
	// +kubebuilder:validation:MinLength=1
	Group string `json:"group"`
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	Fallbacks []string `json:"fallbacks,omitempty"`
	// What its replicas run. Another version is a rolling update.
	// +optional
	Version string `json:"version,omitempty"`

	// Of one replica; names are among those of the group's capacity.
	// +optional
	Needs map[string]resource.Quantity `json:"needs,omitempty"`
	// The part of needs that is never evicted, where the group overcommits.
	// +optional
	Pinned map[string]resource.Quantity `json:"pinned,omitempty"`
	// Capabilities that its servers must have.
	// +optional
	Requires []string `json:"requires,omitempty"`
	// +optional
	Spread *Spread `json:"spread,omitempty"`
	// Its servers host nothing else.
	// +optional
	Dedicated bool `json:"dedicated,omitempty"`
	// A model whose servers it sits on, as a companion.
	// +optional
	With string `json:"with,omitempty"`

	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	MinReplicas *int32 `json:"minReplicas,omitempty"`
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	MaxReplicas *int32 `json:"maxReplicas,omitempty"`
	// A fixed count: what the scale subresource sets. An autoscaler of the user's own
	// may scale the model by it, where there is no policy here.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Replicas *int32 `json:"replicas,omitempty"`
	// +optional
	Policy *PolicySpec `json:"policy,omitempty"`
	// +optional
	PolicyFrom *PolicyFrom `json:"policyFrom,omitempty"`

	// +optional
	Priority int32 `json:"priority,omitempty"`
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Weight int32 `json:"weight,omitempty"`
	// How many replicas keep serving while others are replaced; 0 is all.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MinReady int32 `json:"minReady,omitempty"`
	// Requests one replica serves at once; 0 unknown.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Slots int32 `json:"slots,omitempty"`
	// An estimate, from order to loaded.
	// +optional
	LoadTime metav1.Duration `json:"loadTime,omitempty"`
	// After which a drain ends whatever is in flight; 0 is 5 min.
	// +optional
	DrainTimeout metav1.Duration `json:"drainTimeout,omitempty"`
}

// A Spread keeps replicas apart over the zones of the group.
type Spread struct {
	// +kubebuilder:validation:Minimum=0
	MaxSkew int32 `json:"maxSkew"`
	// +optional
	Soft bool `json:"soft,omitempty"`
}

// A ModelStatus is how a model stands.
type ModelStatus struct {
	// The generation that the rest is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// The group that it lives on.
	// +optional
	Group string `json:"group,omitempty"`
	// Other groups that still hold replicas of it: it has left them.
	// +optional
	// +listType=set
	Left []string `json:"left,omitempty"`
	// The count that is wanted.
	DesiredReplicas int32 `json:"desiredReplicas"`
	// Those that serve.
	Replicas int32 `json:"replicas"`
	// The servers on which it is routed, as a label selector.
	// +optional
	Selector string `json:"selector,omitempty"`
	// The rule behind the last change of desiredReplicas, with its numbers.
	// +optional
	Reason string `json:"reason,omitempty"`
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// A ModelList is a list of models.
//
// +kubebuilder:object:root=true
type ModelList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Model `json:"items"`
}

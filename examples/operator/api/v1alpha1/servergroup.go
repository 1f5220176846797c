package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A ServerGroup is a workload whose pods are equal servers that host models.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.servers,selectorpath=.status.selector
// +kubebuilder:resource:shortName=bgroup,categories=bellows
// +kubebuilder:printcolumn:name="Workload",type=string,JSONPath=`.spec.workload.name`
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.status.desiredServers`
// +kubebuilder:printcolumn:name="Servers",type=integer,JSONPath=`.status.servers`
// +kubebuilder:printcolumn:name="Up",type=integer,JSONPath=`.status.upServers`
// +kubebuilder:printcolumn:name="Bound",type=integer,JSONPath=`.status.lowerBound`,priority=1
// +kubebuilder:printcolumn:name="Leader",type=string,JSONPath=`.status.leader`,priority=1
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 52",message="a group's name becomes part of a label and has at most 52 characters"
type ServerGroup struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ServerGroupSpec   `json:"spec"`
	Status ServerGroupStatus `json:"status,omitempty"`
}

// A ServerGroupSpec declares a group, as coordinator.ServerGroup does.
//
// +kubebuilder:validation:XValidation:rule="has(self.replicas) || has(self.maxServers)",message="either replicas or maxServers"
// +kubebuilder:validation:XValidation:rule="!has(self.maxServers) || !has(self.minServers) || self.minServers <= self.maxServers",message="minServers is more than maxServers"
// +kubebuilder:validation:XValidation:rule="!has(self.removal) || self.removal != 'Free' || self.workload.kind != 'StatefulSet'",message="a StatefulSet removes its highest ordinals"
type ServerGroupSpec struct {
	// What has the pods. It does not change.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a group keeps its workload"
	Workload ObjectRef `json:"workload"`
	// Of one server.
	// +optional
	Capacity map[string]resource.Quantity `json:"capacity,omitempty"`
	// +optional
	Capabilities []string `json:"capabilities,omitempty"`
	// By how many percent of its capacity the needs of a server's replicas may exceed
	// it.
	// +optional
	OvercommitPercent map[string]int32 `json:"overcommitPercent,omitempty"`
	// The zones that servers come up in, as their label topology.kubernetes.io/zone
	// says.
	// +optional
	// +listType=set
	Zones []string `json:"zones,omitempty"`
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	MinServers *int32 `json:"minServers,omitempty"`
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	MaxServers *int32 `json:"maxServers,omitempty"`
	// A fixed count: what the scale subresource sets. The bounds mean nothing then.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Replicas *int32 `json:"replicas,omitempty"`
	// Which servers go when there are fewer. Ordinal: those with the highest
	// ordinals, the default of a StatefulSet. Free: exactly the chosen ones, by the annotation
	// controller.kubernetes.io/pod-deletion-cost, the default of all else.
	// +optional
	// +kubebuilder:validation:Enum=Ordinal;Free
	Removal string `json:"removal,omitempty"`
	// An estimate, from order to up.
	// +optional
	BootTime metav1.Duration `json:"bootTime,omitempty"`
	// Each server is there for one replica of the one model of the group.
	// +optional
	OneToOne bool `json:"oneToOne,omitempty"`
	// +optional
	Consolidation *Consolidation `json:"consolidation,omitempty"`
}

// A Consolidation says how servers that are half empty are emptied, as
// coordinator.Consolidation does.
type Consolidation struct {
	// +optional
	Off bool `json:"off,omitempty"`
	// +optional
	Settle metav1.Duration `json:"settle,omitempty"`
	// +optional
	Quiet metav1.Duration `json:"quiet,omitempty"`
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxMoves int32 `json:"maxMoves,omitempty"`
}

// A ServerGroupStatus is how a group stands.
type ServerGroupStatus struct {
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	DesiredServers     int32 `json:"desiredServers"`
	// Those there are: booting, up or leaving.
	Servers   int32 `json:"servers"`
	UpServers int32 `json:"upServers"`
	// Servers that any placement of the wanted replicas needs.
	LowerBound int32 `json:"lowerBound"`
	// The operator replica that plans the group, and how often that has changed.
	// +optional
	Leader string `json:"leader,omitempty"`
	// +optional
	Epoch int64 `json:"epoch,omitempty"`
	// +optional
	Selector string `json:"selector,omitempty"`
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// A ServerGroupList is a list of groups.
//
// +kubebuilder:object:root=true
type ServerGroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ServerGroup `json:"items"`
}

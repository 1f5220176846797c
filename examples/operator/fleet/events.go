package fleet

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/operator/api/v1alpha1"
	"github.com/bellows-go/bellows/policy"
)

// because tells why a count changed: "1->3: target ratio 1->4; above max 4->3".
func because(was, is int, steps []policy.Step) string {
	return fmt.Sprintf("%d->%v", was, policy.Decision{Replicas: is, Steps: steps})
}

// tellCount makes an event of a count that was decided, once it is saved.
func (o *Operator) tellCount(x runtime.Object, was, is int, why string, p *Pass) {
	reason := "ScaledDown"
	if is > was {
		reason = "ScaledUp"
	}
	if p.SaveErr == nil {
		o.event(x, corev1.EventTypeNormal, reason, "%s", why)
	}
}

// tellActions makes events of what was done to servers, and of what could not be
// done: of each object's failures the first.
func (o *Operator) tellActions(u *unit, p *Pass) {
	failed := map[client.Object]bool{}
	for i, err := range p.ApplyErrs {
		a := &p.Plan.Now[i]
		x := u.subject(a)
		quiet := errors.Is(err, coordinator.ErrConflict) || errors.Is(err, coordinator.ErrNotSent) // the next plan sees to it
		switch {
		case x == nil || quiet:
		case err != nil && !failed[x]:
			failed[x] = true
			reason := "ActionFailed"
			if errors.Is(err, coordinator.ErrFenced) {
				reason = "Fenced"
			}
			o.event(x, corev1.EventTypeWarning, reason, "%v: %v", a, err)
		case err != nil:
		case a.Kind == coordinator.ScaleGroup && a.Why.Want > a.Why.Have:
			o.event(x, corev1.EventTypeNormal, "ServersAdded", "%v: %s", a, a.Why)
		case a.Kind == coordinator.ScaleGroup:
			o.event(x, corev1.EventTypeNormal, "ServersRemoved", "%v: %s", a, a.Why)
		case a.Kind == coordinator.Unload && a.Why.Reason == coordinator.LoadFailed:
			if m := slices.IndexFunc(u.models, func(m *v1alpha1.Model) bool { return m.Name == a.Model }); m >= 0 {
				o.event(u.models[m], corev1.EventTypeWarning, "ReplicaBroken", "%v: %s", a, a.Why)
			}
		}
	}
}

// subject is the group or service that an action is about, nil if it is none of the
// unit's.
func (u *unit) subject(a *coordinator.Action) client.Object {
	for _, g := range u.groups {
		if a.Kind != coordinator.ScaleService && g.Name == a.Group {
			return g
		}
	}
	for _, s := range u.services {
		if a.Kind == coordinator.ScaleService && s.Name == a.Service {
			return s
		}
	}
	return nil
}

func (o *Operator) tellLeader(u *unit, l *leader) {
	for _, g := range u.groups {
		o.event(g, corev1.EventTypeNormal, "TookOver", "%s leads in epoch %d", o.Identity, l.epoch)
	}
	for _, s := range u.services {
		o.event(s, corev1.EventTypeNormal, "TookOver", "%s leads in epoch %d", o.Identity, l.epoch)
	}
}

// event records an event. Its action is the reason's verb.
func (o *Operator) event(x runtime.Object, kind, reason, format string, args ...any) {
	const most = 1024 // of a note
	note := fmt.Sprintf(format, args...)
	o.recorder.Eventf(x, nil, kind, reason, reason, "%s", cut(note, most))
}

// cut is the beginning of a text, of at most so many bytes.
func cut(text string, most int) string {
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}

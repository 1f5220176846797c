package fleet

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/operator/api/v1alpha1"
	"github.com/bellows-go/bellows/policy"
)

// because tells why a count changed.
func because(was, is int, steps []policy.Step) string {
	text := fmt.Sprintf("%d->%d", was, is)
	for i, step := range steps {
		if i == 0 {
			text += ": "
		} else {
			text += "; "
		}
		text += step.String()
	}
	return text
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

// tellActions makes events of what was done to servers.
func (o *Operator) tellActions(u *unit, p *Pass) {
	for i, err := range p.ApplyErrs {
		a := &p.Plan.Now[i]
		g := slices.IndexFunc(u.groups, func(g *v1alpha1.ServerGroup) bool { return g.Name == a.Group })
		switch {
		case g < 0:
		case errors.Is(err, coordinator.ErrFenced):
			o.event(u.groups[g], corev1.EventTypeWarning, "Fenced", "%v: %v", a, err)
		case err != nil:
		case a.Kind == coordinator.ScaleGroup && a.Why.Want > a.Why.Have:
			o.event(u.groups[g], corev1.EventTypeNormal, "ServersAdded", "%v: %s", a, a.Why)
		case a.Kind == coordinator.ScaleGroup:
			o.event(u.groups[g], corev1.EventTypeNormal, "ServersRemoved", "%v: %s", a, a.Why)
		case a.Kind == coordinator.Unload && a.Why.Reason == coordinator.LoadFailed:
			if m := slices.IndexFunc(u.models, func(m *v1alpha1.Model) bool { return m.Name == a.Model }); m >= 0 {
				o.event(u.models[m], corev1.EventTypeWarning, "ReplicaBroken", "%v: %s", a, a.Why)
			}
		}
	}
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

package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/operator/kube"
	"github.com/bellows-go/bellows/policy"
)

// usageEvery is how often usage is read at most: metrics-server itself takes a
// sample every 15 s.
const usageEvery = 10 * time.Second

// maxUsage is the longest answer of the metrics API that is read, in bytes.
const maxUsage = 64 << 20

// A usage is what the metrics API told last of a selection of pods.
type usage struct {
	at   time.Time
	pods map[string]podUsage // by name
}

// podUsage is an item of a PodMetricsList of metrics.k8s.io/v1beta1.
type podUsage struct {
	Metadata   struct{ Name string }
	Timestamp  time.Time
	Window     string
	Containers []struct {
		Name  string
		Usage map[string]resource.Quantity
	}
}

// podLists reads what policies want to know of single pods: their state from the
// cache and their usage of resources from the API metrics.k8s.io. What cannot be
// read is not in the lists. A model's pods are those that it is routed to.
func (o *Operator) podLists(ctx context.Context, namespace string, l *leader, want []coordinator.PodSeries, dst []coordinator.PodList) ([]coordinator.PodList, error) {
	var errs []error
	for _, w := range want {
		list, err := o.podList(ctx, namespace, l, w)
		if err != nil {
			errs = append(errs, fmt.Errorf("fleet: pods of %v: %w", w.Target, err))
			continue
		}
		dst = append(dst, list)
	}
	return dst, errors.Join(errs...)
}

func (o *Operator) podList(ctx context.Context, namespace string, l *leader, w coordinator.PodSeries) (list coordinator.PodList, err error) {
	if w.Resource == "" {
		return list, fmt.Errorf("metric %q of single pods is not read; use one of the router's values", w.Metric)
	}
	text := kube.RouteLabel(w.Target.Name) + "=true"
	if w.Target.Kind == coordinator.TargetService {
		text = l.actuator.SelectorOfService(w.Target.Name)
	}
	selector, err := labels.Parse(text)
	if err != nil || selector.Empty() {
		return list, errors.Join(errors.New("no selector is known"), err)
	}
	var pods corev1.PodList
	if err := o.cache.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabelsSelector{Selector: selector}, client.UnsafeDisableDeepCopyOption(true)); err != nil {
		return list, err
	}
	used, ok := l.usages[text]
	if !ok || time.Since(used.at) >= usageEvery {
		if used, err = o.readUsage(ctx, namespace, text); err != nil {
			return list, err
		}
		l.usages[text] = used
	}
	list = coordinator.PodList{PodSeries: w, Pods: make([]policy.Pod, 0, len(pods.Items))}
	for i := range pods.Items {
		list.Pods = append(list.Pods, podOf(&pods.Items[i], used.pods[pods.Items[i].Name], w.PodSignal))
	}
	return list, nil
}

// readUsage asks the metrics API.
func (o *Operator) readUsage(ctx context.Context, namespace, selector string) (usage, error) {
	u := usage{at: time.Now(), pods: map[string]podUsage{}}
	at := o.server.JoinPath("apis/metrics.k8s.io/v1beta1/namespaces", namespace, "pods")
	at.RawQuery = url.Values{"labelSelector": {selector}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return u, err
	}
	answer, err := o.http.Do(r)
	if err != nil {
		return u, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return u, fmt.Errorf("metrics.k8s.io: %s", answer.Status)
	}
	var list struct{ Items []podUsage }
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxUsage)).Decode(&list); err != nil {
		return u, fmt.Errorf("metrics.k8s.io: %w", err)
	}
	for _, x := range list.Items {
		u.pods[x.Metadata.Name] = x
	}
	return u, nil
}

// podOf is a pod as the rules of an HPA see it.
func podOf(pod *corev1.Pod, used podUsage, signal policy.PodSignal) policy.Pod {
	p := policy.Pod{Name: pod.Name, Deleting: pod.DeletionTimestamp != nil}
	switch pod.Status.Phase {
	case corev1.PodPending:
		p.Phase = policy.PodPending
	case corev1.PodFailed:
		p.Phase = policy.PodFailed
	}
	if pod.Status.StartTime != nil {
		p.Started = pod.Status.StartTime.Time
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			p.ReadyChanged = c.LastTransitionTime.Time
			p.Ready = map[corev1.ConditionStatus]policy.Readiness{
				corev1.ConditionTrue: policy.ReadyTrue, corev1.ConditionFalse: policy.ReadyFalse, corev1.ConditionUnknown: policy.ReadyUnknown,
			}[c.Status]
		}
	}
	add := func(c *corev1.Container, init bool) {
		n, ok := c.Resources.Requests[corev1.ResourceName(signal.Resource)]
		p.Containers = append(p.Containers, policy.Container{Name: c.Name, RequestMilli: n.MilliValue(), NoRequest: !ok, RestartableInit: init})
	}
	for i := range pod.Spec.Containers {
		add(&pod.Spec.Containers[i], false)
	}
	for i := range pod.Spec.InitContainers {
		if always := pod.Spec.InitContainers[i].RestartPolicy; always != nil && *always == corev1.ContainerRestartPolicyAlways {
			add(&pod.Spec.InitContainers[i], true)
		}
	}
	window, err := time.ParseDuration(used.Window)
	if err != nil || used.Timestamp.IsZero() {
		return p // no sample of this pod
	}
	p.Usage = policy.PodUsage{Known: len(used.Containers) > 0, Window: window, Sampled: used.Timestamp}
	found := signal.Container == ""
	for _, c := range used.Containers {
		if signal.Container != "" && c.Name != signal.Container {
			continue
		}
		found = true
		n, ok := c.Usage[signal.Resource]
		p.Usage.Known = p.Usage.Known && ok
		p.Usage.Milli += n.MilliValue()
	}
	p.Usage.Known = p.Usage.Known && found
	return p
}

package promexport

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// descs are all that an Exporter may show.
var descs []*prometheus.Desc

func describe(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc("bellows_"+name, help, labels, nil)
	descs = append(descs, d)
	return d
}

// What is counted.
var (
	ticks      = describe("ticks_total", "Turns of the loop.")
	tickErrors = describe("tick_errors_total", "Turns in which a stage (read, observe, apply) had an error.", "stage")
	planFaults = describe("plan_faults_total", "What was wrong with snapshots: those parts were held.")
	changes    = describe("changes_total", "Changes of a desired count, by kind of target and direction.", "kind", "direction")
	decisions  = describe("decisions_total", "Decisions of policies, by verdict.", "verdict")
	lastWords  = describe("decision_reasons_total", "Decisions of policies, by the reason of their last step.", "reason")
	actions    = describe("actions_total", "Actions that were planned, by kind and outcome.", "kind", "outcome")
)

// What is as of the last tick.
var (
	lastTick = describe("last_tick_timestamp_seconds", "When the last plan was made, in Unix time.")
	leftOut  = describe("targets_left_out", "Names beyond the limit of labels, whose metrics are not shown.")
	readings = describe("readings", "Readings that policies were given, by quality.", "quality")
	waiting  = describe("waiting_actions", "Actions that lack a precondition, by kind.", "kind")
	refused  = describe("refused_replicas", "Replicas that find no place, even on servers yet to come.")

	allDesired = describe("replicas_desired", "Replicas wanted, of all targets of a kind.", "kind")
	allReady   = describe("replicas_ready", "Replicas that serve, of all targets of a kind.", "kind")

	modelDesired  = describe("model_replicas_desired", "Replicas wanted of a model.", "model")
	modelReady    = describe("model_replicas_ready", "Replicas of a model that serve.", "model")
	modelStarting = describe("model_replicas_starting", "Replicas of a model that were ordered and do not serve yet.", "model")
	modelDraining = describe("model_replicas_draining", "Replicas of a model that finish what they have.", "model")
	modelUnseen   = describe("model_unseen", "1 if the counts of a model are the last known.", "model")
	modelDoubtful = describe("model_readings_not_ok", "Readings of a model that were not OK: it does not shrink.", "model")

	serviceDesired  = describe("service_replicas_desired", "Replicas wanted of a service.", "service")
	serviceReady    = describe("service_replicas_ready", "Replicas of a service that are ready.", "service")
	serviceStarting = describe("service_replicas_starting", "Replicas of a service that were ordered and are not ready yet.", "service")
	serviceUnseen   = describe("service_unseen", "1 if the counts of a service are the last known.", "service")
	serviceDoubtful = describe("service_readings_not_ok", "Readings of a service that were not OK: it does not shrink.", "service")

	groupServers  = describe("group_servers", "Servers of a group that are booting, up or leaving.", "group")
	groupDesired  = describe("group_servers_desired", "Servers wanted of a group.", "group")
	groupLower    = describe("group_servers_lower_bound", "Servers that any placement of the desired replicas needs.", "group")
	groupOver     = describe("group_servers_over_max", "Servers wanted beyond a group's maximum, for what serves already.", "group")
	groupEmptying = describe("group_servers_emptying", "Servers from which what is left moves to others.", "group")
	groupUnseen   = describe("group_unseen", "1 if a group could not be seen.", "group")
	groupRefused  = describe("group_refused_replicas", "Replicas that find no place in a group, even on servers yet to come.", "group")
	groupCost     = describe("group_cost_per_hour", "Cost of the desired servers of a group, in the unit that was declared.", "group")

	budgetLimit  = describe("budget_limit", "Limit of a budget, in the unit of its resource.", "budget", "resource")
	budgetWanted = describe("budget_wanted", "What a budget's models want by their own decisions.", "budget", "resource")
	budgetUsed   = describe("budget_used", "What a budget's models are given.", "budget", "resource")
	budgetHeld   = describe("budget_held", "What of a budget cannot be taken away now.", "budget", "resource")

	shadowDiffers = describe("shadow_replicas_difference", "What a shadow policy would want, less what was decided.", "target", "shadow")
)

// add appends one gauge.
func add(dst []gauge, d *prometheus.Desc, value float64, labels ...string) []gauge {
	g := gauge{desc: d, value: value, n: len(labels)}
	for i, l := range labels {
		g.labels[i] = valid(l)
	}
	return append(dst, g)
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// few are the first of all names, and how many more there are. Names that only
// differ in what is not UTF-8 would be one label: none but the first is shown.
type few struct {
	most, out int
	shown     map[string]bool
}

func (f *few) show(name string) bool {
	name = valid(name)
	if len(f.shown) >= f.most || f.shown[name] {
		f.out++
		return false
	}
	f.shown[name] = true
	return true
}

func newFew(most int) *few { return &few{most: most, shown: map[string]bool{}} }

// appendGauges appends what a plan tells, of at most so many targets of each
// kind.
func appendGauges(dst []gauge, p *coordinator.Plan, most int) []gauge {
	names := map[string]*few{}
	for _, kind := range []string{"model", "service", "group", "budget", "shadow"} {
		names[kind] = newFew(most)
	}
	var qualities [policy.Partial + 1]int
	dst = appendModels(dst, p, names, &qualities)
	dst = appendServices(dst, p, names, &qualities)
	dst = appendGroups(dst, p, names["group"])
	for i := range p.Budgets {
		b := &p.Budgets[i]
		if !names["budget"].show(b.Budget) {
			continue
		}
		dst = add(dst, budgetLimit, float64(b.Limit), b.Budget, b.Resource)
		dst = add(dst, budgetWanted, float64(b.Wanted), b.Budget, b.Resource)
		dst = add(dst, budgetUsed, float64(b.Used), b.Budget, b.Resource)
		dst = add(dst, budgetHeld, float64(b.Held), b.Budget, b.Resource)
	}
	for q, n := range qualities {
		dst = add(dst, readings, float64(n), policy.Quality(q).String())
	}
	var later [coordinator.Unload + 1]int
	for i := range p.Later {
		if k := p.Later[i].Kind; k <= coordinator.Unload {
			later[k]++
		}
	}
	for k, n := range later {
		dst = add(dst, waiting, float64(n), word(coordinator.Kind(k).String()))
	}
	out := 0
	for _, n := range names {
		out += n.out
	}
	return add(dst, leftOut, float64(out))
}

func appendModels(dst []gauge, p *coordinator.Plan, names map[string]*few, qualities *[policy.Partial + 1]int) []gauge {
	desired, ready := 0, 0
	for i := range p.Models {
		m := &p.Models[i]
		desired, ready = desired+m.Desired, ready+m.Ready
		doubtful := judge(m.Readings, qualities)
		if names["model"].show(m.Model) {
			dst = add(dst, modelDesired, float64(m.Desired), m.Model)
			dst = add(dst, modelReady, float64(m.Ready), m.Model)
			dst = add(dst, modelStarting, float64(m.Starting), m.Model)
			dst = add(dst, modelDraining, float64(m.Draining), m.Model)
			dst = add(dst, modelUnseen, one(m.Unseen), m.Model)
			dst = add(dst, modelDoubtful, float64(doubtful), m.Model)
		}
		dst = appendShadows(dst, "model/"+m.Model, m.Shadows, names["shadow"])
	}
	dst = add(dst, allDesired, float64(desired), "model")
	return add(dst, allReady, float64(ready), "model")
}

func appendServices(dst []gauge, p *coordinator.Plan, names map[string]*few, qualities *[policy.Partial + 1]int) []gauge {
	desired, ready := 0, 0
	for i := range p.Services {
		s := &p.Services[i]
		desired, ready = desired+s.Desired, ready+s.Ready
		doubtful := judge(s.Readings, qualities)
		if names["service"].show(s.Service) {
			dst = add(dst, serviceDesired, float64(s.Desired), s.Service)
			dst = add(dst, serviceReady, float64(s.Ready), s.Service)
			dst = add(dst, serviceStarting, float64(s.Starting), s.Service)
			dst = add(dst, serviceUnseen, one(s.Unseen), s.Service)
			dst = add(dst, serviceDoubtful, float64(doubtful), s.Service)
		}
		dst = appendShadows(dst, "service/"+s.Service, s.Shadows, names["shadow"])
	}
	dst = add(dst, allDesired, float64(desired), "service")
	return add(dst, allReady, float64(ready), "service")
}

func appendShadows(dst []gauge, target string, shadows []coordinator.ShadowPlan, names *few) []gauge {
	for i := range shadows {
		if names.show(target + "\x00" + shadows[i].Shadow) {
			dst = add(dst, shadowDiffers, float64(shadows[i].Differs), target, shadows[i].Shadow)
		}
	}
	return dst
}

func appendGroups(dst []gauge, p *coordinator.Plan, names *few) []gauge {
	homeless, all := map[string]int{}, 0
	for i := range p.Refused {
		homeless[p.Refused[i].Group] += p.Refused[i].Items
		all += p.Refused[i].Items
	}
	for i := range p.Groups {
		g := &p.Groups[i]
		if !names.show(g.Group) {
			continue
		}
		dst = add(dst, groupServers, float64(g.Servers), g.Group)
		dst = add(dst, groupDesired, float64(g.Desired), g.Group)
		dst = add(dst, groupLower, float64(g.LowerBound), g.Group)
		dst = add(dst, groupOver, float64(g.OverMax), g.Group)
		dst = add(dst, groupEmptying, float64(len(g.Emptying)), g.Group)
		dst = add(dst, groupUnseen, one(g.Unseen), g.Group)
		dst = add(dst, groupRefused, float64(homeless[g.Group]), g.Group)
		if !math.IsNaN(g.Cost) {
			dst = add(dst, groupCost, g.Cost, g.Group)
		}
	}
	return add(dst, refused, float64(all))
}

// judge counts readings by quality, and returns how many are not OK.
func judge(all []policy.Reading, qualities *[policy.Partial + 1]int) (doubtful int) {
	for _, r := range all {
		if int(r.Quality) < len(qualities) {
			qualities[r.Quality]++
		}
		if r.Quality != policy.OK {
			doubtful++
		}
	}
	return doubtful
}

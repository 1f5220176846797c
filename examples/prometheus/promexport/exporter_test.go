package promexport_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/examples/prometheus/internal/promserver"
	"github.com/bellows-go/bellows/examples/prometheus/promexport"
	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/policy"
)

// whole is a tick in which everything happened.
func whole() coordinator.Tick {
	action := func(k coordinator.Kind) coordinator.Action { return coordinator.Action{Kind: k} }
	return coordinator.Tick{
		Plan: coordinator.Plan{
			At: time.Unix(1_800_000_000, 500_000_000),
			Now: []coordinator.Action{
				action(coordinator.ScaleGroup), action(coordinator.Load), action(coordinator.Load), action(coordinator.Route),
				action(coordinator.Unload), action(coordinator.ScaleService), action(coordinator.ScaleService),
			},
			Later: []coordinator.Waiting{{Action: action(coordinator.Unload)}, {Action: action(coordinator.Unload)}},
			Models: []coordinator.ModelPlan{
				{
					Model: "llama", Was: 2, Desired: 3, Ready: 2, Starting: 1, Draining: 4,
					Decision: policy.Decision{Verdict: policy.Propose, Steps: []policy.Step{{Reason: policy.TargetRatio}, {Reason: policy.AboveMax}}},
					Readings: []policy.Reading{{Quality: policy.OK}, {Quality: policy.Partial}},
					Shadows:  []coordinator.ShadowPlan{{Shadow: "eager", Differs: 2}},
				},
				{
					Model: "silent", Was: 1, Desired: 1, Ready: 1, Unseen: true,
					Decision: policy.Decision{Verdict: policy.Hold, Steps: []policy.Step{{Reason: policy.SignalNotOK}}},
					Readings: []policy.Reading{{}},
				},
			},
			Services: []coordinator.ServicePlan{{
				Service: "gateway", Was: 5, Desired: 4, Ready: 6, Starting: 7,
				Decision: policy.Decision{Verdict: policy.Propose, Steps: []policy.Step{{Reason: policy.TargetRatio}}},
				Readings: []policy.Reading{{Quality: policy.Failed}},
			}},
			Groups: []coordinator.GroupPlan{{
				Group: "gpu", Servers: 8, Was: 8, Desired: 9, LowerBound: 5, OverMax: 2, Cost: 12.5, Emptying: []string{"a", "b", "c"},
			}},
			Budgets: []coordinator.BudgetPlan{{Budget: "gpus", Resource: "gib", Limit: 100, Wanted: 120, Used: 90, Held: 10}},
			Refused: []coordinator.Refusal{{Group: "gpu", Refusal: packing.Refusal{Items: 3}}, {Group: "gpu", Refusal: packing.Refusal{Items: 1}}},
			Faults:  []string{"one", "two"},
		},
		ReadErr: errors.New("no"),
		ApplyErrs: []error{
			nil, fmt.Errorf("x: %w", coordinator.ErrFenced), fmt.Errorf("x: %w", coordinator.ErrConflict), errors.New("no"),
			fmt.Errorf("x: %w", coordinator.ErrNotSent), fmt.Errorf("x: %w", coordinator.ErrUnanswered), nil,
		},
	}
}

// shown is all that an exporter shows, a line each, without what is zero.
func shown(t *testing.T, e *promexport.Exporter) []string {
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(e))
	families, err := registry.Gather()
	require.NoError(t, err)
	var lines []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue()
			if value == 0 {
				continue
			}
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			lines = append(lines, fmt.Sprintf("%s{%s} %v", strings.TrimPrefix(f.GetName(), "bellows_"), strings.Join(labels, ","), value))
		}
	}
	return lines
}

func TestExporter(t *testing.T) {
	e := promexport.New(promexport.Options{})
	require.Empty(t, shown(t, e), "nothing has happened")
	e.Tick(whole())
	e.Tick(coordinator.Tick{Plan: whole().Plan, ObserveErr: errors.New("no"), ApplyErrs: make([]error, 7)})
	require.Equal(t, []string{
		"actions_total{kind=load,outcome=accepted} 2",
		"actions_total{kind=load,outcome=conflict} 1",
		"actions_total{kind=load,outcome=fenced} 1",
		"actions_total{kind=route,outcome=accepted} 1",
		"actions_total{kind=route,outcome=failed} 1",
		"actions_total{kind=scale,outcome=accepted} 2",
		"actions_total{kind=scale_service,outcome=accepted} 3",
		"actions_total{kind=scale_service,outcome=unanswered} 1",
		"actions_total{kind=unload,outcome=accepted} 1",
		"actions_total{kind=unload,outcome=not_sent} 1",
		"budget_held{budget=gpus,resource=gib} 10",
		"budget_limit{budget=gpus,resource=gib} 100",
		"budget_used{budget=gpus,resource=gib} 90",
		"budget_wanted{budget=gpus,resource=gib} 120",
		"changes_total{direction=down,kind=service} 2",
		"changes_total{direction=up,kind=group} 2",
		"changes_total{direction=up,kind=model} 2",
		"decision_reasons_total{reason=above max} 2",
		"decision_reasons_total{reason=signal not ok} 2",
		"decision_reasons_total{reason=target ratio} 2",
		"decisions_total{verdict=hold} 2",
		"decisions_total{verdict=propose} 4",
		"group_cost_per_hour{group=gpu} 12.5",
		"group_refused_replicas{group=gpu} 4",
		"group_servers{group=gpu} 8",
		"group_servers_desired{group=gpu} 9",
		"group_servers_emptying{group=gpu} 3",
		"group_servers_lower_bound{group=gpu} 5",
		"group_servers_over_max{group=gpu} 2",
		"last_tick_timestamp_seconds{} 1.8000000005e+09",
		"model_readings_not_ok{model=llama} 1",
		"model_readings_not_ok{model=silent} 1",
		"model_replicas_desired{model=llama} 3",
		"model_replicas_desired{model=silent} 1",
		"model_replicas_draining{model=llama} 4",
		"model_replicas_ready{model=llama} 2",
		"model_replicas_ready{model=silent} 1",
		"model_replicas_starting{model=llama} 1",
		"model_unseen{model=silent} 1",
		"plan_faults_total{} 4",
		"readings{quality=failed} 1",
		"readings{quality=missing} 1",
		"readings{quality=ok} 1",
		"readings{quality=partial} 1",
		"refused_replicas{} 4",
		"replicas_desired{kind=model} 4",
		"replicas_desired{kind=service} 4",
		"replicas_ready{kind=model} 3",
		"replicas_ready{kind=service} 6",
		"service_readings_not_ok{service=gateway} 1",
		"service_replicas_desired{service=gateway} 4",
		"service_replicas_ready{service=gateway} 6",
		"service_replicas_starting{service=gateway} 7",
		"shadow_replicas_difference{shadow=eager,target=model/llama} 2",
		"tick_errors_total{stage=apply} 1",
		"tick_errors_total{stage=observe} 1",
		"tick_errors_total{stage=read} 1",
		"ticks_total{} 2",
		"waiting_actions{kind=unload} 2",
	}, shown(t, e))

	e.Tick(coordinator.Tick{Plan: coordinator.Plan{At: time.Unix(1, 0)}})
	for _, line := range shown(t, e) {
		require.NotContains(t, line, "llama", "its metrics vanish with it")
	}
}

// Names follow the conventions of Prometheus.
func TestLint(t *testing.T) {
	e := promexport.New(promexport.Options{})
	e.Tick(whole())
	problems, err := testutil.CollectAndLint(e)
	require.NoError(t, err)
	require.Empty(t, problems)
}

// Labels are bounded, whatever is declared, and what is no text breaks nothing.
func TestBounds(t *testing.T) {
	e := promexport.New(promexport.Options{MaxTargets: 2, MaxReasons: 2})
	p := coordinator.Plan{At: time.Unix(1, 0)}
	for i := range 5 {
		p.Models = append(p.Models, coordinator.ModelPlan{
			Model: fmt.Sprint("m", i), Desired: 1, Was: 1,
			Decision: policy.Decision{Steps: []policy.Step{{Reason: policy.Reason(fmt.Sprint("why ", i))}}},
			Readings: []policy.Reading{{Quality: 200}},
			Shadows:  []coordinator.ShadowPlan{{Shadow: "s"}, {Shadow: "s\xff"}, {Shadow: "s\xfe"}},
		})
	}
	p.Groups = []coordinator.GroupPlan{{Group: "a\xff"}, {Group: "a\xfe"}, {Group: "a\x00b", Cost: math.Inf(1)}}
	p.Later = []coordinator.Waiting{{Action: coordinator.Action{Kind: 200}}}
	p.Now = []coordinator.Action{{Kind: coordinator.Load}}
	for range 3 {
		e.Tick(coordinator.Tick{Plan: p, ApplyErrs: nil})
	}
	var got []string
	for _, line := range shown(t, e) {
		if strings.Contains(line, "reason") || strings.Contains(line, "left_out") || strings.Contains(line, "desired") || strings.Contains(line, "cost") || strings.Contains(line, "actions") {
			got = append(got, line)
		}
	}
	require.Equal(t, []string{
		"actions_total{kind=load,outcome=unanswered} 3",
		"decision_reasons_total{reason=other} 9",
		"decision_reasons_total{reason=why 0} 3",
		"decision_reasons_total{reason=why 1} 3",
		"group_cost_per_hour{group=a\x00b} +Inf",
		"model_replicas_desired{model=m0} 1",
		"model_replicas_desired{model=m1} 1",
		"replicas_desired{kind=model} 5",
		"targets_left_out{} 17", // 3 models, 13 of 15 shadows, 1 of 3 groups
	}, got)
}

// An exporter hears every tick of a loop.
func TestExporterOfALoop(t *testing.T) {
	fleet := coordinatortest.NewFleet(nil, []coordinatortest.FleetGroup{{Name: "gpu", Servers: 1}}, []coordinatortest.FleetModel{{Name: "llama"}})
	planner, err := coordinator.NewPlanner(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Max: 4}},
		Models: []coordinator.Model{{Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 60}, Min: 1, Max: 4, Policy: policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 4}}},
	}, coordinator.PlannerOptions{})
	require.NoError(t, err)
	loop, err := coordinator.New(planner, fleet, fleet, coordinator.Options{})
	require.NoError(t, err)
	e := promexport.New(promexport.Options{})
	fleet.Arrive("llama", 8)
	e.Tick(loop.Tick(t.Context()))
	lines := shown(t, e)
	for _, want := range []string{"model_replicas_desired{model=llama} 2", "group_servers_desired{group=gpu} 2", "actions_total{kind=scale,outcome=accepted} 1", "readings{quality=ok} 1"} {
		require.Contains(t, lines, want)
	}
}

// The dashboard and the rules ask for what is exported, and for all of it.
func TestDashboardAndRulesKnowTheMetrics(t *testing.T) {
	e := promexport.New(promexport.Options{})
	descs := make(chan *prometheus.Desc, 100)
	e.Describe(descs)
	close(descs)
	name := regexp.MustCompile(`bellows_[a-z_]+`)
	var exported []string
	for d := range descs {
		exported = append(exported, name.FindString(d.String()))
	}
	used := map[string]bool{}
	for _, file := range []string{"dashboard.json", "alerts.yml"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range name.FindAllString(string(text), -1) {
			require.Contains(t, exported, m, file)
			used[m] = true
		}
	}
	for _, m := range exported {
		beside := []string{"bellows_decisions_total", "bellows_model_unseen", "bellows_service_unseen", "bellows_group_unseen", "bellows_budget_held"}
		require.True(t, used[m] || slices.Contains(beside, m), "%s is on no panel and in no rule", m)
	}
}

func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	var d struct {
		Title, UID string
		Panels     []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
		Templating struct{ List []struct{ Name string } }
	}
	require.NoError(t, json.Unmarshal(text, &d))
	require.NotEmpty(t, d.Panels)
	known := []string{"__rate_interval"}
	for _, v := range d.Templating.List {
		known = append(known, v.Name)
	}
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	variable := regexp.MustCompile(`\$\{?([a-z_]+)`)
	for _, p := range d.Panels {
		require.False(t, ids[p.ID], p.Title)
		ids[p.ID] = true
		require.NotEmpty(t, p.Targets, p.Title)
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				require.Empty(t, taken[[2]int{x, y}], p.Title)
				require.Less(t, x, 24, p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			for _, v := range variable.FindAllStringSubmatch(target.Expr, -1) {
				require.Contains(t, known, v[1], p.Title)
			}
		}
	}
}

// promtool accepts the rules, their tests, and every expression of the dashboard.
func TestPromtool(t *testing.T) {
	tool, err := promserver.Find("promtool")
	if err != nil {
		if os.Getenv("BELLOWS_PROMETHEUS") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	run := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	require.Contains(t, run("check", "rules", "alerts.yml"), "SUCCESS: 10 rules found")
	require.Contains(t, run("test", "rules", "testdata/alerts_test.yml"), "SUCCESS")

	text, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	var d struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	require.NoError(t, json.Unmarshal(text, &d))
	rules := "groups:\n- name: dashboard\n  rules:\n"
	n := 0
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			n++
			expr := strings.ReplaceAll(target.Expr, "$__rate_interval", "1m")
			rules += fmt.Sprintf("  - record: panel:%d\n    expr: %q\n", n, expr)
		}
	}
	file := t.TempDir() + "/dashboard.yml"
	require.NoError(t, os.WriteFile(file, []byte(rules), 0o600))
	require.Contains(t, run("check", "rules", file), fmt.Sprintf("SUCCESS: %d rules found", n))
}

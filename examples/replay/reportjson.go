package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/bellows-go/bellows/coordinator/sim"
)

// The JSON report. Field names are a contract.
type (
	jsonReport struct {
		Trace       jsonTrace        `json:"trace"`
		Settings    jsonSettings     `json:"settings"`
		Runs        []jsonRun        `json:"runs"`
		Clairvoyant *jsonClairvoyant `json:"clairvoyant"`
		WorkBound   float64          `json:"work_bound_replica_hours"`
		Bound       float64          `json:"lower_bound_replica_hours,omitempty"`
		Static      *jsonClairvoyant `json:"best_static,omitempty"`
	}
	jsonTrace struct {
		Name     string  `json:"name"`
		Requests int64   `json:"requests"`
		Models   int     `json:"models"`
		Seconds  float64 `json:"seconds"`
	}
	jsonSettings struct {
		Service  *float64 `json:"service_time_s"` // null where it is per token
		CV       float64  `json:"service_cv"`
		PerToken string   `json:"service_per_token,omitempty"`
		Table    string   `json:"service_table,omitempty"`
		Slots    int      `json:"slots"`
		Wait     float64  `json:"wait_s"`
		Tick     float64  `json:"tick_s"`
		Start    float64  `json:"start_s"`
		Boot     float64  `json:"boot_s"`
		Warmup   float64  `json:"warmup_s"`
		From     float64  `json:"from_s"`
		To       float64  `json:"to_s"`
		Step     float64  `json:"step_s,omitempty"`
		Thin     float64  `json:"thin"`
		Min      int      `json:"min"`
		Max      int      `json:"max"`
		Seed     uint64   `json:"seed"`
		Seeds    int      `json:"seeds,omitempty"` // means of so many, where it is not one
		Limit    int64    `json:"limit,omitempty"`
		Untold   bool     `json:"untold,omitempty"`
		Servers  string   `json:"servers,omitempty"` // slots,memory of shared ones

		WrongService float64 `json:"wrong_service,omitempty"`
		MetricDelay  float64 `json:"metric_delay_s,omitempty"`
		MetricLoss   float64 `json:"metric_loss,omitempty"`
		FailedStarts float64 `json:"failed_starts,omitempty"`
		SlowStarts   float64 `json:"slow_starts,omitempty"`
		SlowFactor   float64 `json:"slow_factor,omitempty"`
	}
	jsonRun struct {
		Policy       string  `json:"policy"`
		Violations   float64 `json:"violations_pct"`
		WorstModel   float64 `json:"worst_model_pct"`
		P50          float64 `json:"wait_p50_s"`
		P99          float64 `json:"wait_p99_s"`
		P999         float64 `json:"wait_p999_s"`
		ReplicaHours float64 `json:"replica_hours"`
		ServerHours  float64 `json:"server_hours"`
		Churn        int64   `json:"churn"`
		Peak         int     `json:"peak_replicas"`
		Unserved     int64   `json:"unserved"`

		// Half the widths of 95 % confidence intervals, of several seeds.
		ViolationsHalf   float64 `json:"violations_pct_half,omitempty"`
		ReplicaHoursHalf float64 `json:"replica_hours_half,omitempty"`
	}
	jsonClairvoyant struct {
		Violations   float64 `json:"violations_pct"`
		ReplicaHours float64 `json:"replica_hours"`
	}
)

func (r *report) json(out io.Writer) error {
	s := r.settings
	sec := func(d span) float64 { return time.Duration(d).Seconds() }
	j := jsonReport{
		Trace: jsonTrace{r.name(), r.requests, r.models, r.length.Seconds()},
		Settings: jsonSettings{
			CV: s.cv, PerToken: s.perToken, Table: s.table, Slots: s.slots, Wait: sec(s.wait),
			Tick: sec(s.tick), Start: sec(s.start), Boot: sec(s.boot), Warmup: sec(s.warmup), From: sec(s.from),
			To: (time.Duration(s.from) + r.length).Seconds(), Step: r.trace.Step.Seconds(), Thin: s.thin,
			Min: s.low, Max: s.high, Seed: s.seed,
		},
		WorkBound: r.results[0].WorkBoundReplicaHours,
	}
	if s.seeds > 1 {
		j.Settings.Seeds = s.seeds
	}
	j.Settings.Limit, j.Settings.Untold, j.Settings.Servers = s.limit, s.untold, s.servers
	if f := &s.faults; *f != (sim.Faults{ServiceFactor: 1, SlowFactor: 3}) {
		j.Settings.WrongService, j.Settings.MetricDelay, j.Settings.MetricLoss = f.ServiceFactor, f.MetricDelay.Seconds(), f.MetricLoss
		j.Settings.FailedStarts, j.Settings.SlowStarts, j.Settings.SlowFactor = f.FailedStarts, f.SlowStarts, f.SlowFactor
	}
	for i := range r.results {
		x := &r.results[i]
		run := jsonRun{
			Policy: x.Policy, Violations: x.Percent(), WorstModel: x.WorstModelPercent, P50: x.WaitP50.Seconds(), P99: x.WaitP99.Seconds(),
			P999: x.WaitP999.Seconds(), ReplicaHours: x.ReplicaHours, ServerHours: x.ServerHours, Churn: x.Churn, Peak: x.PeakReplicas, Unserved: x.Unserved,
		}
		if s.seeds > 1 {
			v, c := r.estimate(i, missed), r.estimate(i, cost)
			run.Violations, run.ViolationsHalf, run.ReplicaHours, run.ReplicaHoursHalf = v.Mean, v.Half, c.Mean, c.Half
			run.WorstModel = r.estimate(i, worst).Mean
		}
		j.Runs = append(j.Runs, run)
	}
	if len(r.v) > 0 {
		hours, percent := r.vCost()
		j.Clairvoyant = &jsonClairvoyant{percent, hours}
	}
	j.Bound = r.bound
	if r.static != nil {
		j.Static = &jsonClairvoyant{r.static.Percent(), r.static.ReplicaHours}
	}
	if mean := sec(s.service); s.perToken == "" {
		j.Settings.Service = &mean
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(j)
}

// Package promexport shows what a coordinator decides and does as Prometheus
// metrics. An [Exporter] is a prometheus.Collector:
//
//	exporter := promexport.New(promexport.Options{})
//	registry.MustRegister(exporter)
//	loop, err := coordinator.New(planner, source, actuator, coordinator.Options{OnTick: exporter.Tick})
//
// All names begin with bellows_. Gauges are as of the last tick, counters since
// the Exporter was made. The metrics of a target vanish with its declaration.
//
// # Labels
//
// Only names that are declared become labels (model, group, service, budget,
// shadow), those of at most Options.MaxTargets of each kind, the first by name;
// bellows_targets_left_out says how many are not shown. Reasons of decisions are
// the policies' own, of which a user may add to: beyond Options.MaxReasons they
// are counted as "other". All else is of a fixed set. Sums over all targets are
// there whatever is left out.
//
// Beside the package lie a dashboard for Grafana (dashboard.json) and alert rules
// (alerts.yml), which take the job to be whatever scrapes them.
package promexport

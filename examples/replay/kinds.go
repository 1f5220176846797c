package main

import (
	"path/filepath"
	"slices"
)

// A kind of published trace is replayed with the same settings whatever its file.
// The settings are flags, so that every row of the benchmarks is also a command.
type kind struct {
	name     string   // in tables, after the file's
	pattern  string   // of file names
	args     []string // TABLE stands for the folder's table of service times
	smooth   bool     // among those whose load changes slowly against a start
	held     bool     // not part of the tables: seen when asked for
	shared   []string // instead, on shared servers; nil: not run there
	limited  []string // beside args, with fewer replicas than peers want; nil: not run so
	frontier bool     // swept
}

const serviceTimes = "gentd26_service_times.csv"

// kinds of traces, in the order of tables. A file is of the first that matches,
// or of several of the same pattern.
var kinds = []kind{
	{
		pattern: "faro*.csv.gz", smooth: true, frontier: true,
		args:    []string{"-service-time", "0.18", "-service-cv", "0.2", "-wait", "0.54"},
		shared:  []string{"-servers", "4,3", "-start", "10", "-boot", "35"},
		limited: []string{"-limit", "36"},
	},
	{
		pattern: "azure_functions*d01-07.csv.gz", held: true,
		args: []string{"-service-time", "0.18", "-service-cv", "0.5", "-wait", "0.54", "-to", "48h"},
	},
	{
		pattern: "azure_functions*.csv.gz", smooth: true,
		args:   []string{"-service-time", "0.18", "-service-cv", "0.5", "-wait", "0.54"},
		shared: []string{"-servers", "4,6", "-start", "10", "-boot", "35"},
	},
	{
		pattern: "worldcup*.csv.gz", smooth: true,
		args: []string{"-service-time", "0.18", "-service-cv", "0.5", "-wait", "0.54", "-thin", "0.02"},
	},
	{
		pattern: "twitter*.csv.gz",
		args:    []string{"-service-time", "0.18", "-service-cv", "0.5", "-wait", "0.54"},
	},
	{
		pattern: "azure_llm*conv*.csv.gz", frontier: true,
		args: []string{"-service-per-token", "0.0004,0.025", "-service-cv", "0", "-slots", "4", "-wait", "2"},
	},
	{
		pattern: "azure_llm*.csv.gz",
		args:    []string{"-service-per-token", "0.0004,0.025", "-service-cv", "0", "-slots", "4", "-wait", "2"},
	},
	{
		pattern: "servegen_r1_requests*.csv.gz",
		args:    []string{"-service-time", "1", "-service-cv", "0.7", "-slots", "4", "-wait", "2"},
		shared:  []string{"-servers", "4,8", "-start", "10", "-boot", "35"},
	},
	{
		name: ", wait 60 s", pattern: "gentd26_sd*.csv.gz",
		args:   []string{"-service-time", "23", "-service-table", "TABLE", "-service-cv", "0.5", "-wait", "60", "-min", "0"},
		shared: []string{"-servers", "1,8", "-start", "5", "-boot", "35"},
	},
	{
		name: ", wait 10 s", pattern: "gentd26_sd*.csv.gz", held: true,
		args:   []string{"-service-time", "23", "-service-table", "TABLE", "-service-cv", "0.5", "-wait", "10", "-min", "0"},
		shared: []string{"-servers", "1,8", "-start", "5", "-boot", "35"},
	},
	{
		pattern: "nasa*.csv.gz", frontier: true,
		args: []string{"-service-time", "2", "-service-cv", "0.7", "-wait", "4"},
	},
	{
		pattern: "mooncake*.csv.gz",
		args:    []string{"-service-per-token", "0.0004,0.025", "-service-cv", "0", "-slots", "4", "-wait", "4"},
	},
}

// A row is one trace of a folder and its kind.
type row struct {
	kind
	file string // its path
}

// title is what the row is called.
func (r *row) title() string {
	base := filepath.Base(r.file)
	for _, end := range []string{".gz", ".csv"} {
		if filepath.Ext(base) == end {
			base = base[:len(base)-len(end)]
		}
	}
	return base + r.name
}

// rowsOf finds the traces of a folder, and those that are of no kind.
func rowsOf(folder string) (rows []row, unknown []string, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.csv.gz"))
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(files)
	taken := map[string]string{} // the pattern that took a file
	for _, k := range kinds {
		for _, file := range files {
			name := filepath.Base(file)
			if ok, _ := filepath.Match(k.pattern, name); !ok || taken[name] != "" && taken[name] != k.pattern {
				continue
			}
			taken[name] = k.pattern
			rows = append(rows, row{kind: k, file: file})
		}
	}
	for _, file := range files {
		if taken[filepath.Base(file)] == "" {
			unknown = append(unknown, filepath.Base(file))
		}
	}
	return rows, unknown, nil
}

// flags are the row's own, with some of them replaced or added.
func (r *row) flags(more ...string) (args []string) {
	all := slices.Concat(r.args, more)
	for i := 0; i+1 < len(all); i += 2 {
		name, value := all[i], all[i+1]
		if value == "TABLE" {
			value = filepath.Join(filepath.Dir(r.file), serviceTimes)
		}
		if at := slices.Index(args, name); at >= 0 {
			args[at+1] = value
			continue
		}
		args = append(args, name, value)
	}
	return args
}

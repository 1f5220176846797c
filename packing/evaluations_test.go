package packing_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/internal/gpushare"
	"github.com/bellows-go/bellows/internal/roadef"
	"github.com/bellows-go/bellows/packing"
)

// inflateAll fills clusters with tasks that share GPUs, with three seeds, at
// effort fast with one.
func inflateAll(t *testing.T, nodeLists, taskLists []string) {
	for _, nodeList := range nodeLists {
		var nodes []gpushare.Node
		require.NoError(t, readGzip(nodeList, func(r io.Reader) (err error) {
			nodes, err = gpushare.ReadNodes(r)
			return err
		}))
		all := int64(0)
		for _, n := range nodes {
			all += int64(n.GPUs) * gpushare.Whole
		}
		for _, taskList := range taskLists {
			var tasks []gpushare.Task
			require.NoError(t, readGzip(taskList, func(r io.Reader) (err error) {
				tasks, err = gpushare.ReadTasks(r)
				return err
			}))
			set := setName(setName("alibaba-gpu-v2023", nodeList), taskList)
			for seed := range uint64(3) {
				if effort == packing.Fast && seed > 0 {
					break
				}
				began := time.Now()
				drawn, at := gpushare.Inflate(nodes, tasks, seed+1)
				seconds := time.Since(began).Seconds()
				given, err := gpushare.Judge(nodes, tasks, drawn, at)
				require.NoError(t, err)
				fmt.Printf("{\"set\":%q,\"gpu_allocated_pct\":%.3f,\"seed\":%d,\"seconds\":%.2f}\n", set, 100*float64(given)/float64(all), seed+1, seconds)
			}
		}
	}
}

// A reference is what is known of a reassignment problem.
type reference struct {
	name            string
	initial, winner int64
}

// readReferences reads a table with the columns instance, initial_cost and
// winner_s41_300s. Without one there is nothing to compare with.
func readReferences(path string) ([]reference, error) {
	var list []reference
	err := readPlain(path, func(r io.Reader) error {
		rows, err := csv.NewReader(r).ReadAll()
		if err != nil || len(rows) == 0 {
			return err
		}
		column := map[string]int{}
		for i, name := range rows[0] {
			column[name] = i
		}
		for _, row := range rows[1:] {
			initial, err1 := strconv.ParseInt(row[column["initial_cost"]], 10, 64)
			winner, err2 := strconv.ParseInt(row[column["winner_s41_300s"]], 10, 64)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			list = append(list, reference{row[column["instance"]], initial, winner})
		}
		return nil
	})
	return list, err
}

// reassignAll improves the reassignment problems of a folder that has any.
// cost_over_pct is by how much the cost is above the winner's, in percent of the
// initial cost.
func reassignAll(t *testing.T, dir string) {
	models, err := filepath.Glob(filepath.Join(dir, "model_*.txt.gz"))
	require.NoError(t, err)
	if len(models) == 0 {
		return
	}
	list, err := readReferences(filepath.Join(dir, "refs.csv"))
	require.NoError(t, err)
	require.NotEmpty(t, list)
	all := tally{row: row{Set: "roadef2012"}}
	within := mean{}
	for _, ref := range list {
		in := readReassignment(t, dir, ref.name)
		cost, err := roadef.Evaluate(in, in.Initial)
		require.NoError(t, err, ref.name)
		require.Equal(t, ref.initial, cost, "%s: the published initial cost", ref.name)

		began := time.Now()
		at := roadef.Search(in, roadef.Options{Steps: roadefSteps(in), Seed: 1})
		seconds := time.Since(began).Seconds()
		cost, err = roadef.Evaluate(in, at)
		c := tally{row: row{Set: "roadef2012/" + ref.name}}
		off := 100 * float64(cost-ref.winner) / float64(ref.initial)
		for _, c := range []*tally{&c, &all} {
			c.Instances++
			c.seconds.add(seconds)
			if err != nil {
				c.Invalid++
				t.Errorf("%s: %v", ref.name, err)
			}
			c.cost.add(off)
		}
		within.addIf(off <= 0.1)
		c.print(t)
	}
	all.AtOptimum = within.value()
	all.print(t)
}

func readReassignment(t *testing.T, dir, name string) *roadef.Instance {
	var in *roadef.Instance
	require.NoError(t, readGzip(filepath.Join(dir, "model_"+name+".txt.gz"), func(model io.Reader) error {
		return readGzip(filepath.Join(dir, "assignment_"+name+".txt.gz"), func(assignment io.Reader) (err error) {
			in, err = roadef.Read(model, assignment)
			return err
		})
	}))
	return in
}

// roadefSteps is how many steps an effort stands for.
func roadefSteps(in *roadef.Instance) int {
	switch effort {
	case packing.Fast:
		return 100_000
	case packing.Tick:
		return 1_000_000
	case packing.Second:
		return roadef.StepsIn(in, 1)
	}
	return roadef.StepsIn(in, 30)
}

package gpushare

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
)

// Inflate draws tasks with replacement and places each until as much GPU was
// asked for as there is. It returns the nodes that took them, -1 for none, with
// the tasks drawn, as indices: all there is to judge the outcome by.
func Inflate(nodes []Node, tasks []Task, seed uint64) (drawn, at []int) {
	c := New(nodes, tasks)
	kinds := make([]int, len(tasks))
	for i, t := range tasks {
		kinds[i] = c.Kind(t)
	}
	left := int64(0)
	for i := range nodes {
		left += int64(nodes[i].GPUs) * Whole
	}
	if !slices.ContainsFunc(tasks, func(t Task) bool { return t.Need() > 0 }) {
		return nil, nil // it would never end
	}
	r := rand.New(rand.NewPCG(seed, 0))
	for {
		i := r.IntN(len(tasks))
		left -= tasks[i].Need()
		if left < 0 {
			break
		}
		n, ok := c.Place(kinds[i])
		if !ok {
			n = -1
		}
		drawn, at = append(drawn, i), append(at, n)
	}
	return drawn, at
}

// Judge counts the GPU that tasks placed on nodes were given, in thousandths,
// and reports nodes that were given more than they have. Whether shares fit on
// single GPUs is found by trying, the largest first.
func Judge(nodes []Node, tasks []Task, drawn, at []int) (given int64, err error) {
	var faults []error
	hosted := make([][]int, len(nodes))
	for i, n := range at {
		if n < 0 {
			continue
		}
		hosted[n] = append(hosted[n], drawn[i])
		given += tasks[drawn[i]].Need()
	}
	for i := range nodes {
		n := &nodes[i]
		cpu, memory := n.CPU, n.Memory
		var shares []int64
		for _, t := range hosted[i] {
			task := &tasks[t]
			cpu -= task.CPU
			memory -= task.Memory
			shares = append(shares, slices.Repeat([]int64{task.Share}, task.GPUs)...)
			if task.GPUs > 0 && task.Models != nil && !slices.Contains(task.Models, n.Model) {
				faults = append(faults, fmt.Errorf("node %d: a task that wants another model", i))
			}
		}
		slices.Sort(shares)
		slices.Reverse(shares)
		if cpu < 0 || memory < 0 || !share(shares, slices.Repeat([]int64{Whole}, n.GPUs)) {
			faults = append(faults, fmt.Errorf("node %d: too much", i))
		}
	}
	return given, errors.Join(faults...)
}

// share reports whether shares fit into GPUs with so much free.
func share(shares, free []int64) bool {
	if len(shares) == 0 {
		return true
	}
	for i, g := range free {
		if g < shares[0] || slices.Contains(free[:i], g) {
			continue
		}
		free[i] -= shares[0]
		ok := share(shares[1:], free)
		free[i] += shares[0]
		if ok {
			return true
		}
	}
	return false
}

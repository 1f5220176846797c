package roadef

import (
	"errors"
	"fmt"
)

// Evaluate judges an assignment of processes to machines: its cost, and every
// constraint that it breaks. It counts everything anew and shares nothing with
// the search.
func Evaluate(in *Instance, at []int) (int64, error) {
	if len(at) != len(in.Processes) {
		return 0, fmt.Errorf("%d places for %d processes", len(at), len(in.Processes))
	}
	for p, m := range at {
		if m < 0 || m >= len(in.Machines) {
			return 0, fmt.Errorf("process %d: no machine %d", p, m)
		}
	}
	return loadCost(in, at) + moveCost(in, at), errors.Join(capacities(in, at), services(in, at))
}

// used is the load of each machine in a resource, where it is not nil of only
// the processes it picks.
func used(in *Instance, at []int, r int, pick func(p int) bool) []int64 {
	sum := make([]int64, len(in.Machines))
	for p, m := range at {
		if pick == nil || pick(p) {
			sum[m] += in.Processes[p].Needs[r]
		}
	}
	return sum
}

func capacities(in *Instance, at []int) error {
	var faults []error
	for r, resource := range in.Resources {
		load := used(in, at, r, nil)
		if resource.Transient {
			left := used(in, in.Initial, r, func(p int) bool { return at[p] != in.Initial[p] })
			for m := range load {
				load[m] += left[m]
			}
		}
		for m, x := range load {
			if c := in.Machines[m].Capacity[r]; x > c {
				faults = append(faults, fmt.Errorf("machine %d, resource %d: %d of %d", m, r, x, c))
			}
		}
	}
	return errors.Join(faults...)
}

func services(in *Instance, at []int) error {
	var faults []error
	type place struct{ service, where int }
	machines, locations, neighbourhoods := map[place]bool{}, map[place]bool{}, map[place]bool{}
	spread := make([]int, len(in.Services))
	for p, m := range at {
		s := in.Processes[p].Service
		if machines[place{s, m}] {
			faults = append(faults, fmt.Errorf("service %d: two processes on machine %d", s, m))
		}
		machines[place{s, m}] = true
		if l := (place{s, in.Machines[m].Location}); !locations[l] {
			locations[l] = true
			spread[s]++
		}
		neighbourhoods[place{s, in.Machines[m].Neighbourhood}] = true
	}
	for s, service := range in.Services {
		if spread[s] < service.Spread {
			faults = append(faults, fmt.Errorf("service %d: in %d locations of %d", s, spread[s], service.Spread))
		}
	}
	for p, m := range at {
		n := in.Machines[m].Neighbourhood
		for _, d := range in.Services[in.Processes[p].Service].DependsOn {
			if !neighbourhoods[place{d, n}] {
				faults = append(faults, fmt.Errorf("process %d: no process of service %d in neighbourhood %d", p, d, n))
			}
		}
	}
	return errors.Join(faults...)
}

func loadCost(in *Instance, at []int) int64 {
	cost := int64(0)
	free := make([][]int64, len(in.Resources)) // resource, machine
	for r, resource := range in.Resources {
		load := used(in, at, r, nil)
		free[r] = make([]int64, len(load))
		for m, x := range load {
			free[r][m] = in.Machines[m].Capacity[r] - x
			cost += resource.LoadCost * max(0, x-in.Machines[m].Safety[r])
		}
	}
	for _, b := range in.Balances {
		for m := range in.Machines {
			cost += b.Weight * max(0, b.Target*free[b.First][m]-free[b.Second][m])
		}
	}
	return cost
}

func moveCost(in *Instance, at []int) int64 {
	cost := int64(0)
	moved := make([]int64, len(in.Services))
	most := int64(0)
	for p, m := range at {
		from := in.Initial[p]
		if m == from {
			continue
		}
		cost += in.ProcessMove*in.Processes[p].MoveCost + in.MachineMove*in.Machines[from].MoveCost[m]
		s := in.Processes[p].Service
		moved[s]++
		most = max(most, moved[s])
	}
	return cost + in.ServiceMove*most
}

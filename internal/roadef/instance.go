package roadef

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// An Instance is one problem as published.
type Instance struct {
	Resources []Resource
	Machines  []Machine
	Services  []Service
	Processes []Process
	Balances  []Balance
	// Weights of the three kinds of move cost.
	ProcessMove, ServiceMove, MachineMove int64
	Initial                               []int // machine of each process
}

// A Resource is one dimension.
type Resource struct {
	Transient bool  // a process that moved still uses it where it was
	LoadCost  int64 // weight of what is used beyond the safety capacity
}

// A Machine hosts processes.
type Machine struct {
	Neighbourhood, Location int
	Capacity, Safety        []int64
	MoveCost                []int64 // to each machine
}

// A Service is a set of processes, no two of which share a machine.
type Service struct {
	Spread    int   // locations that it must be in, at least
	DependsOn []int // services that must be in each neighbourhood that it is in
}

// A Process belongs to one service.
type Process struct {
	Service  int
	Needs    []int64
	MoveCost int64
}

// A Balance asks for Target units of free Second per unit of free First, on
// each machine.
type Balance struct {
	First, Second  int
	Target, Weight int64
}

// Read reads a model and its initial assignment. Numbers are separated by
// white space, in the order that the challenge defines.
func Read(model, assignment io.Reader) (*Instance, error) {
	r := newReader(model)
	in := r.instance()
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("roadef: model: %w", err)
	}
	r = newReader(assignment)
	for range in.Processes {
		in.Initial = append(in.Initial, r.index(len(in.Machines)))
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("roadef: assignment: %w", err)
	}
	return in, nil
}

// A reader keeps the first error and returns zeros after it.
type reader struct {
	words *bufio.Scanner
	err   error
}

func newReader(r io.Reader) *reader {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	s.Split(bufio.ScanWords)
	return &reader{words: s}
}

func (r *reader) instance() *Instance {
	in := &Instance{}
	for range r.count() {
		in.Resources = append(in.Resources, Resource{Transient: r.number() != 0, LoadCost: r.number()})
	}
	machines := r.count()
	for range machines {
		in.Machines = append(in.Machines, Machine{
			Neighbourhood: r.count(), Location: r.count(),
			Capacity: r.numbers(len(in.Resources)), Safety: r.numbers(len(in.Resources)),
			MoveCost: r.numbers(machines),
		})
	}
	services := r.count()
	for range services {
		s := Service{Spread: r.count()}
		for range r.count() {
			s.DependsOn = append(s.DependsOn, r.index(services))
		}
		in.Services = append(in.Services, s)
	}
	for range r.count() {
		in.Processes = append(in.Processes, Process{
			Service: r.index(services), Needs: r.numbers(len(in.Resources)), MoveCost: r.number(),
		})
	}
	for range r.count() {
		in.Balances = append(in.Balances, Balance{
			First: r.index(len(in.Resources)), Second: r.index(len(in.Resources)),
			Target: r.number(), Weight: r.number(),
		})
	}
	in.ProcessMove, in.ServiceMove, in.MachineMove = r.number(), r.number(), r.number()
	return in
}

// number reads a number that is not negative.
func (r *reader) number() int64 {
	if r.err != nil {
		return 0
	}
	if !r.words.Scan() {
		r.err = errors.Join(r.words.Err(), io.ErrUnexpectedEOF)
		return 0
	}
	n, err := strconv.ParseInt(r.words.Text(), 10, 64)
	if err == nil && n < 0 {
		err = fmt.Errorf("%d is negative", n)
	}
	r.err = err
	return max(n, 0)
}

func (r *reader) numbers(n int) []int64 {
	var list []int64
	for range n {
		list = append(list, r.number())
		if r.err != nil {
			return make([]int64, n)
		}
	}
	return list
}

// count reads a number of things. Each thing is a word at least, so that a
// false count ends with the input.
func (r *reader) count() int {
	n := r.number()
	if n > 1<<24 {
		r.err = errors.Join(r.err, fmt.Errorf("%d is too many", n))
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

func (r *reader) index(below int) int {
	n := r.number()
	if r.err == nil && n >= int64(below) {
		r.err = fmt.Errorf("index %d, there are %d", n, below)
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

func (r *reader) end() error {
	if r.err == nil && r.words.Scan() {
		return fmt.Errorf("%q after the end", r.words.Text())
	}
	return errors.Join(r.err, r.words.Err())
}

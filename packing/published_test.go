package packing_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/bellows-go/bellows/packing"
)

// A published problem is one that others have solved, with what is known of it.
type published struct {
	name    string
	problem *packing.Problem
	optimum int // least number of bins; 0 if not known
	best    int // bins of the best packing that anybody published; 0 if nobody did

	// Of fleets to consolidate, by rule of removal: the least number of servers
	// and the least cost of getting there; 0 if not known.
	servers, cost [2]int
	bound         int // no fewer servers can do
}

// readGzip hands a compressed file to read.
func readGzip(path string, read func(io.Reader) error) error {
	return readPlain(path, func(r io.Reader) error {
		z, err := gzip.NewReader(r)
		if err != nil {
			return err
		}
		return read(z)
	})
}

func readPlain(path string, read func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := read(f); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}

// readVectors reads a set of vector bin packing problems: a line "instance NAME
// d=3 n=20 lb=10 opt=11 best=11" with opt -1 where it is open, a line "cap" with
// the bin, and a line per distinct item that ends with its number, "x3".
func readVectors(path string) (list []published, err error) {
	err = readGzip(path, func(r io.Reader) error {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			var err error
			switch words := strings.Fields(lines.Text()); {
			case len(words) == 0:
			case words[0] == "instance":
				var p published
				p, err = vectorHeader(words)
				list = append(list, p)
			case len(list) == 0:
				err = errors.New("no instance")
			case words[0] == "cap":
				err = vectorBin(&list[len(list)-1], words[1:])
			default:
				err = vectorItems(&list[len(list)-1], words)
			}
			if err != nil {
				return fmt.Errorf("%q: %w", lines.Text(), err)
			}
		}
		return lines.Err()
	})
	return list, err
}

func vectorHeader(words []string) (published, error) {
	if len(words) < 2 {
		return published{}, errors.New("no name")
	}
	p := published{name: words[1], problem: &packing.Problem{}}
	known := map[string]int{}
	for _, w := range words[2:] {
		key, value, _ := strings.Cut(w, "=")
		x, err := parse(value)
		if err != nil {
			return p, err
		}
		known[key] = int(x)
	}
	p.best, p.optimum = known["best"], max(known["opt"], 0)
	if known["lb"] == p.best {
		p.optimum = p.best
	}
	return p, nil
}

func vectorBin(p *published, words []string) error {
	capacity, err := parseAll(words)
	for d := range capacity {
		p.problem.Dimensions = append(p.problem.Dimensions, fmt.Sprint("d", d))
	}
	p.problem.Templates = []packing.Template{{Bin: packing.Bin{Capacity: capacity}}}
	return err
}

// vectorItems adds equal items. They may share a bin, so each is a class.
func vectorItems(p *published, words []string) error {
	last := len(words) - 1
	count, err := parse(strings.TrimPrefix(words[last], "x"))
	if err != nil {
		return err
	}
	size, err := parseAll(words[:last])
	for range count {
		n := len(p.problem.Classes)
		p.problem.Classes = append(p.problem.Classes, packing.Class{Name: fmt.Sprintf("item-%06d", n), Size: size, Count: 1})
		p.problem.Templates[0].Max = n + 1
	}
	return err
}

func parse(word string) (x int64, err error) {
	_, err = fmt.Sscan(word, &x)
	return x, err
}

func parseAll(words []string) (list []int64, err error) {
	for _, w := range words {
		x, err := parse(w)
		if err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, nil
}

// readFleets reads model replicas on servers, one JSON object a line. Models
// are memory, GPU memory, slots, replicas and the cost of moving one; placements
// are a model and a server.
func readFleets(path string) (list []published, err error) {
	err = readGzip(path, func(r io.Reader) error {
		lines := json.NewDecoder(r)
		for {
			var f fleet
			if err := lines.Decode(&f); err != nil {
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
			p, err := f.published()
			if err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
			list = append(list, p)
		}
	})
	return list, err
}

type fleet struct {
	Name          string
	Dims          []string
	Cap           []int64
	Servers       int
	Models        [][]int64
	Placement     [][2]int
	LowerBound    int `json:"lb_servers"`
	OptServers    int `json:"opt_servers"`
	OptMoveAny    int `json:"opt_move_mib_any"`
	OptSuffix     int `json:"opt_servers_suffix"`
	OptMoveSuffix int `json:"opt_move_mib_suffix"`
}

func (f *fleet) published() (published, error) {
	p := published{
		name: f.Name, problem: &packing.Problem{Dimensions: f.Dims}, optimum: f.OptServers,
		servers: [2]int{f.OptServers, f.OptSuffix}, cost: [2]int{f.OptMoveAny, f.OptMoveSuffix}, bound: f.LowerBound,
	}
	replicas := 0
	for i, m := range f.Models {
		if len(m) != len(f.Dims)+2 {
			return p, fmt.Errorf("model %d has %d numbers", i, len(m))
		}
		c := packing.Class{Name: fmt.Sprintf("model-%06d", i), Size: m[:len(f.Dims)], Count: int(m[len(f.Dims)]), MoveCost: m[len(f.Dims)+1]}
		p.problem.Classes = append(p.problem.Classes, c)
		replicas += c.Count
	}
	if f.Placement == nil {
		p.problem.Templates = []packing.Template{{Bin: packing.Bin{Capacity: f.Cap}, Max: replicas}}
		return p, nil
	}
	for i := range f.Servers {
		p.problem.Bins = append(p.problem.Bins, packing.Bin{Name: fmt.Sprintf("server-%06d", i), Capacity: f.Cap, Ordinal: i})
	}
	for _, at := range f.Placement {
		if at[0] < 0 || at[0] >= len(f.Models) {
			return p, fmt.Errorf("no model %d", at[0])
		}
		c := &p.problem.Classes[at[0]]
		c.At = append(c.At, at[1])
	}
	return p, nil
}

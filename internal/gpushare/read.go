package gpushare

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// ReadNodes reads a node list of the trace: columns sn, cpu_milli, memory_mib,
// gpu, model.
func ReadNodes(r io.Reader) ([]Node, error) {
	var nodes []Node
	err := read(r, func(row record) {
		nodes = append(nodes, Node{CPU: row.number("cpu_milli"), Memory: row.number("memory_mib"), GPUs: int(row.number("gpu")), Model: row.text("model")})
	})
	return nodes, err
}

// ReadTasks reads a task list of the trace: columns cpu_milli, memory_mib,
// num_gpu, gpu_milli and, if there are any, the models allowed in gpu_spec.
func ReadTasks(r io.Reader) ([]Task, error) {
	var tasks []Task
	err := read(r, func(row record) {
		t := Task{CPU: row.number("cpu_milli"), Memory: row.number("memory_mib"), GPUs: int(row.number("num_gpu")), Share: row.number("gpu_milli")}
		if spec := row.text("gpu_spec"); spec != "" {
			t.Models = strings.Split(spec, "|")
		}
		tasks = append(tasks, t)
	})
	return tasks, err
}

// A record is one row, and the first fault found in any.
type record struct {
	columns, fields []string
	err             *error
}

func read(r io.Reader, each func(record)) error {
	rows := csv.NewReader(r)
	columns, err := rows.Read()
	for err == nil {
		var fields []string
		if fields, err = rows.Read(); err == nil {
			each(record{columns, fields, &err})
		}
	}
	if err == io.EOF {
		return nil
	}
	return fmt.Errorf("gpushare: %w", err)
}

// text is a field, "" where there is no such column.
func (r record) text(column string) string {
	if i := slices.Index(r.columns, column); i >= 0 {
		return r.fields[i]
	}
	return ""
}

func (r record) number(column string) int64 {
	n, err := strconv.ParseInt(r.text(column), 10, 64)
	if err == nil && n < 0 {
		err = fmt.Errorf("%d is negative", n)
	}
	if err != nil && *r.err == nil {
		*r.err = fmt.Errorf("%s: %w", column, err)
	}
	return n
}

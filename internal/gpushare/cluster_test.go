package gpushare_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/internal/gpushare"
)

func TestPlace(t *testing.T) {
	half := gpushare.Task{CPU: 1, Memory: 1, GPUs: 1, Share: 500}
	whole := gpushare.Task{CPU: 1, Memory: 1, GPUs: 1, Share: 1000}
	none := gpushare.Task{CPU: 1, Memory: 1}
	two := []gpushare.Node{{CPU: 8, Memory: 8, GPUs: 1, Model: "a"}, {CPU: 8, Memory: 8, GPUs: 2, Model: "b"}}
	for _, c := range []struct {
		name  string
		nodes []gpushare.Node
		tasks []gpushare.Task
		want  []int // -1: refused
	}{
		{"shares join on one GPU, so that others stay whole", two, []gpushare.Task{half, half, whole, whole}, []int{1, 1, 1, 0}},
		{"a whole GPU is no two halves", two[:1], []gpushare.Task{half, whole, half}, []int{0, -1, 0}},
		{"a share is of one GPU", two[1:], []gpushare.Task{
			{GPUs: 1, Share: 600}, {GPUs: 1, Share: 600}, {GPUs: 1, Share: 600},
		}, []int{0, 0, -1}},
		{"the model must be one of those allowed", two, []gpushare.Task{
			{GPUs: 1, Share: 100, Models: []string{"b", "c"}}, {GPUs: 1, Share: 100, Models: []string{"c"}},
		}, []int{1, -1}},
		{"what needs no GPU goes where there is none", []gpushare.Node{two[0], {CPU: 8, Memory: 8}}, []gpushare.Task{none}, []int{1}},
		{"processors run out", []gpushare.Node{{CPU: 1, Memory: 8, GPUs: 2}}, []gpushare.Task{half, half}, []int{0, -1}},
		{"and memory", []gpushare.Node{{CPU: 8, Memory: 1, GPUs: 2}}, []gpushare.Task{half, half}, []int{0, -1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := gpushare.New(c.nodes, c.tasks)
			var got, drawn []int
			for i, task := range c.tasks {
				at, ok := cluster.Place(cluster.Kind(task))
				if !ok {
					at = -1
				}
				got, drawn = append(got, at), append(drawn, i)
			}
			require.Equal(t, c.want, got)
			_, err := gpushare.Judge(c.nodes, c.tasks, drawn, got)
			require.NoError(t, err)
		})
	}
}

func TestJudgeFindsFaults(t *testing.T) {
	nodes := []gpushare.Node{{CPU: 8, Memory: 8, GPUs: 2, Model: "a"}}
	for _, c := range []struct {
		name  string
		tasks []gpushare.Task
		want  string
	}{
		{"processors", []gpushare.Task{{CPU: 5}, {CPU: 5}}, "too much"},
		{"memory", []gpushare.Task{{Memory: 5}, {Memory: 5}}, "too much"},
		{"GPUs", []gpushare.Task{{GPUs: 2, Share: 1000}, {GPUs: 1, Share: 1}}, "too much"},
		{"shares that do not join", []gpushare.Task{{GPUs: 1, Share: 600}, {GPUs: 1, Share: 600}, {GPUs: 1, Share: 600}}, "too much"},
		{"model", []gpushare.Task{{GPUs: 1, Share: 600, Models: []string{"b"}}}, "another model"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := gpushare.Judge(nodes, c.tasks, []int{0, 1, 2}[:len(c.tasks)], make([]int, len(c.tasks)))
			require.ErrorContains(t, err, c.want)
		})
	}
	// First fit decreasing would not find these a place, yet there is one.
	var shares []gpushare.Task
	for _, share := range []int64{500, 400, 400, 300, 200, 200} {
		shares = append(shares, gpushare.Task{GPUs: 1, Share: share})
	}
	given, err := gpushare.Judge([]gpushare.Node{{GPUs: 2}}, shares, []int{0, 1, 2, 3, 4, 5}, make([]int, 6))
	require.NoError(t, err)
	require.EqualValues(t, 2000, given)
}

func TestInflateEnds(t *testing.T) {
	nodes := []gpushare.Node{{CPU: 8, Memory: 8, GPUs: 2}}
	drawn, _ := gpushare.Inflate(nodes, []gpushare.Task{{CPU: 1}}, 1)
	require.Empty(t, drawn)
	drawn, at := gpushare.Inflate(nodes, []gpushare.Task{{GPUs: 1, Share: 1000}}, 1)
	require.Equal(t, []int{0, 0}, drawn)
	require.Equal(t, []int{0, 0}, at)
}

func TestRead(t *testing.T) {
	nodes, err := gpushare.ReadNodes(strings.NewReader("sn,cpu_milli,memory_mib,gpu,model\nx,96000,1024,8,G2\n"))
	require.NoError(t, err)
	require.Equal(t, []gpushare.Node{{CPU: 96000, Memory: 1024, GPUs: 8, Model: "G2"}}, nodes)
	tasks, err := gpushare.ReadTasks(strings.NewReader("name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\nx,1,2,1,460,G2|G3\ny,1,2,0,0,\n"))
	require.NoError(t, err)
	require.Equal(t, []gpushare.Task{{CPU: 1, Memory: 2, GPUs: 1, Share: 460, Models: []string{"G2", "G3"}}, {CPU: 1, Memory: 2}}, tasks)

	for _, text := range []string{"", "sn\nx\n", "cpu_milli,memory_mib,gpu\n1,-2,3\n", "cpu_milli,memory_mib,gpu\n1,2\n"} {
		_, err = gpushare.ReadNodes(strings.NewReader(text))
		if text == "" {
			require.NoError(t, err, "nothing is no fault")
		} else {
			require.ErrorContains(t, err, "gpushare: ")
		}
	}
}

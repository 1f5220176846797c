package gpushare

import (
	"cmp"
	"slices"
)

// Whole is a GPU, in thousandths.
const Whole = 1000

// A Node has processors, memory and GPUs of one model.
type Node struct {
	CPU    int64 // thousandths of a processor
	Memory int64
	GPUs   int
	Model  string
}

// A Task needs GPUs whole ones, or Share of one GPU if GPUs is 1, or none.
type Task struct {
	CPU    int64 // thousandths of a processor
	Memory int64
	GPUs   int
	Share  int64    // of each GPU, in (0, Whole]; Whole if GPUs > 1
	Models []string // that will do; nil: any
}

// Need is what the task takes of GPUs, in thousandths.
func (t *Task) Need() int64 { return int64(t.GPUs) * t.Share }

func (t *Task) mayUse(model string) bool { return t.Models == nil || slices.Contains(t.Models, model) }

// A Cluster places tasks of a few kinds.
type Cluster struct {
	kinds   []kind
	total   int64            // tasks in the mix
	scarce  map[string]int64 // per model: see demand
	nodes   []node           // as they are now
	growths [][]int64        // per kind and node: what placing it there costs; unknown, no or >= least
}

// A kind is tasks that are equal.
type kind struct {
	Task
	count int64 // in the mix
}

type node struct {
	*Node
	cpu, memory int64   // free
	gpus        []int64 // free share of each
	free        int64   // of all GPUs together
	wasted      int64   // see Cluster.wasted
}

// Values of Cluster.growths that are no growth.
const (
	unknown = -1 << 62
	no      = unknown + 1
)

// New makes an empty cluster that expects tasks like those of the mix.
func New(nodes []Node, mix []Task) *Cluster {
	c := &Cluster{total: int64(len(mix))}
	for i := range mix {
		c.kinds[c.Kind(mix[i])].count++
	}
	for i := range nodes {
		n := node{Node: &nodes[i], cpu: nodes[i].CPU, memory: nodes[i].Memory}
		for range nodes[i].GPUs {
			n.gpus = append(n.gpus, Whole)
		}
		n.free = int64(len(n.gpus)) * Whole
		n.wasted = c.wasted(&n)
		c.nodes = append(c.nodes, n)
	}
	c.demand()
	return c
}

// demand finds how scarce each model is: in thousandths, how much GPU the mix
// wants of it for all there is, if the mix wants as much as all models have and
// each task equally of those that will do for it.
func (c *Cluster) demand() {
	supply, asked := int64(0), int64(0)
	byModel := map[string]int64{}
	for i := range c.nodes {
		byModel[c.nodes[i].Model] += c.nodes[i].free
		supply += c.nodes[i].free
	}
	for i := range c.kinds {
		asked += c.kinds[i].count * c.kinds[i].Need()
	}
	c.scarce = map[string]int64{}
	for i := range c.kinds {
		k := &c.kinds[i]
		room := int64(0)
		for model, n := range byModel {
			if k.mayUse(model) {
				room += n
			}
		}
		for model := range byModel {
			if k.Need() > 0 && room > 0 && k.mayUse(model) {
				c.scarce[model] += k.count * k.Need() * supply / asked * 1000 / room
			}
		}
	}
}

// Kind is the number of a task's kind, for Place.
func (c *Cluster) Kind(t Task) int {
	i := slices.IndexFunc(c.kinds, func(k kind) bool {
		return k.CPU == t.CPU && k.Memory == t.Memory && k.GPUs == t.GPUs && k.Share == t.Share && slices.Equal(k.Models, t.Models)
	})
	if i < 0 {
		i = len(c.kinds)
		c.kinds = append(c.kinds, kind{Task: t})
		c.growths = append(c.growths, nil)
	}
	return i
}

// Place puts a task of a kind on a node and says on which; ok is false if no
// node has room.
func (c *Cluster) Place(k int) (at int, ok bool) {
	if c.growths[k] == nil {
		c.growths[k] = slices.Repeat([]int64{unknown}, len(c.nodes))
	}
	growths := c.growths[k]
	best := -1
	for i, g := range growths {
		if g == unknown {
			g = c.growth(k, &c.nodes[i])
			growths[i] = g
		}
		if g != no && (best < 0 || g < growths[best]) {
			best = i
		}
	}
	if best < 0 {
		return 0, false
	}
	n := &c.nodes[best]
	n.put(&c.kinds[k].Task)
	n.wasted = c.wasted(n)
	for k := range c.growths {
		if c.growths[k] != nil {
			c.growths[k][best] = unknown
		}
	}
	return best, true
}

// growth is by how much a task of kind k on n makes it worse: the GPU wasted,
// the imbalance at a tenth of its weight, and what it takes of a scarce model.
func (c *Cluster) growth(k int, n *node) int64 {
	t := &c.kinds[k].Task
	if !n.fits(t) {
		return no
	}
	after := *n
	after.gpus = slices.Clone(n.gpus)
	after.put(t)
	// Among equals nodes with the least GPU left, so that others stay whole.
	return c.wasted(&after) - n.wasted + c.total*(after.uneven()-n.uneven())/10 + c.total*after.free/1000 + c.total*c.scarce[n.Model]*t.Need()/1000
}

// wasted is how much of the free GPUs of n tasks of the mix can not use, summed
// over the mix.
func (c *Cluster) wasted(n *node) int64 {
	if n.free == 0 {
		return 0
	}
	sum := int64(0)
	for i := range c.kinds {
		k := &c.kinds[i]
		if k.GPUs == 0 {
			continue
		}
		if !n.fits(&k.Task) {
			sum += k.count * n.free
			continue
		}
		for _, g := range n.gpus {
			if g < k.Share {
				sum += k.count * g
			}
		}
	}
	return sum
}

// uneven is by how much the share of processors that is free differs from that
// of GPUs, times the GPUs of the node.
func (n *node) uneven() int64 {
	if n.GPUs == 0 || n.CPU == 0 {
		return 0
	}
	d := n.cpu*int64(n.GPUs)*Whole/n.CPU - n.free
	return max(d, -d)
}

func (n *node) fits(t *Task) bool {
	if t.CPU > n.cpu || t.Memory > n.memory || t.GPUs > 0 && !t.mayUse(n.Model) {
		return false
	}
	enough := 0
	for _, g := range n.gpus {
		if g >= t.Share {
			enough++
		}
	}
	return enough >= t.GPUs
}

// put takes what a task that fits needs: of the GPUs those with the least room
// that will do.
func (n *node) put(t *Task) {
	n.cpu -= t.CPU
	n.memory -= t.Memory
	n.free -= t.Need()
	for range t.GPUs {
		best := -1
		for i, g := range n.gpus {
			if g >= t.Share && (best < 0 || cmp.Less(g, n.gpus[best])) {
				best = i
			}
		}
		n.gpus[best] -= t.Share
	}
}

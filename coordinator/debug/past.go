package debug

import "strconv"

// past is the recent past of a model, oldest first; the lists are of one length.
type past struct {
	Load    []number `json:"load"`
	Desired []int32  `json:"desired"`
	Ready   []int32  `json:"ready"`
}

func newPast(points []point) past {
	n := len(points)
	p := past{make([]number, n), make([]int32, n), make([]int32, n)}
	for i, x := range points {
		p.Load[i], p.Desired[i], p.Ready[i] = number(x.load), x.desired, x.ready
	}
	return p
}

// The size of a curve, in the units of its own coordinates.
const (
	curveWidth  = 120
	curveHeight = 30
)

// A curve is a path of steps, and the area below it.
type curve struct{ Line, Area string }

// TopLoad is the largest load, at least a small one.
func (p past) TopLoad() number {
	top := number(0)
	for _, x := range p.Load {
		if x.Known() {
			top = max(top, x)
		}
	}
	return top
}

// TopCount is the largest count.
func (p past) TopCount() int32 {
	top := int32(0)
	for i := range p.Desired {
		top = max(top, p.Desired[i], p.Ready[i])
	}
	return top
}

// LoadCurve is the load, with gaps where it was not known.
func (p past) LoadCurve() curve { return steps(p.Load, float64(p.TopLoad())) }

// DesiredCurve is the desired count.
func (p past) DesiredCurve() curve { return steps(numbers(p.Desired), float64(p.TopCount())) }

// ReadyCurve is the ready count.
func (p past) ReadyCurve() curve { return steps(numbers(p.Ready), float64(p.TopCount())) }

func numbers(counts []int32) []number {
	list := make([]number, len(counts))
	for i, n := range counts {
		list[i] = number(n)
	}
	return list
}

// steps draws values from 0 to top over the whole width.
func steps(values []number, top float64) (c curve) {
	var line, area []byte
	coordinate := func(b []byte, x float64) []byte { return strconv.AppendFloat(b, x, 'f', 1, 64) }
	open := false
	for i, v := range values {
		from, to := curveWidth*float64(i)/float64(len(values)), curveWidth*float64(i+1)/float64(len(values))
		if !v.Known() {
			if open {
				area = append(coordinate(append(area, 'V'), curveHeight), 'Z')
			}
			open = false
			continue
		}
		y := float64(curveHeight) - 1 // a line on the edge would be cut in half
		if top > 0 {
			y -= max(0, float64(v)) / top * (curveHeight - 2)
		}
		if !open {
			line = coordinate(append(coordinate(append(line, 'M'), from), ' '), y)
			area = coordinate(append(coordinate(append(area, 'M'), from), ' '), curveHeight)
			open = true
		}
		for _, b := range []*[]byte{&line, &area} {
			*b = coordinate(append(*b, 'V'), y)
			*b = coordinate(append(*b, 'H'), to)
		}
	}
	if open {
		area = append(coordinate(append(area, 'V'), curveHeight), 'Z')
	}
	return curve{string(line), string(area)}
}

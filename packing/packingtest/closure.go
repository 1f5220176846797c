package packingtest

import "math"

// A closure is a choice among gains, each of which wants some costs paid. Costs
// are paid once, however many gains want them. The best choice is found as a
// minimal cut: Picard, "Maximal closure of a graph and applications to
// combinatorial problems", Management Science 22 (1976).
type closure struct {
	gains []int64
	wants [][]int // per gain: the names of costs
}

// cut is what the best choice loses of the sum of all gains: gains forgone and
// costs paid. It is a maximal flow from gains to costs, found by augmenting
// paths, the shortest first.
func (c *closure) cut(cost func(name int) int64) int64 {
	paid := map[int]int64{}    // per cost: how much flows out
	flow := map[[2]int]int64{} // per gain and cost
	left := append([]int64(nil), c.gains...)
	total := int64(0)
	for g := range c.gains {
		for left[g] > 0 {
			path := c.path(g, paid, flow, cost)
			if path == nil {
				break
			}
			amount := min(left[g], cost(path[len(path)-1])-paid[path[len(path)-1]])
			for k := 1; k+1 < len(path); k += 2 { // back over what another gain sends
				amount = min(amount, flow[[2]int{path[k+1], path[k]}])
			}
			for k := 0; k < len(path)-1; k += 2 {
				flow[[2]int{path[k], path[k+1]}] += amount
				if k+2 < len(path) {
					flow[[2]int{path[k+2], path[k+1]}] -= amount
				}
			}
			paid[path[len(path)-1]] += amount
			left[g] -= amount
			total += amount
		}
	}
	return total
}

// path finds a way from a gain to a cost that is not paid in full: gain, cost,
// gain, cost and so on, where every second step goes back over a flow.
func (c *closure) path(from int, paid map[int]int64, flow map[[2]int]int64, cost func(int) int64) []int {
	cameTo, cameFrom := map[int]int{}, map[int]int{from: math.MinInt}
	queue := []int{from}
	for len(queue) > 0 {
		g := queue[0]
		queue = queue[1:]
		for _, name := range c.wants[g] {
			if _, seen := cameTo[name]; seen {
				continue
			}
			cameTo[name] = g
			if paid[name] < cost(name) {
				path := []int{name}
				for at := g; ; at = cameTo[cameFrom[at]] {
					path = append(path, at)
					if at == from {
						break
					}
					path = append(path, cameFrom[at])
				}
				for i, j := 0, len(path)-1; i < j; i, j = i+1, j-1 {
					path[i], path[j] = path[j], path[i]
				}
				return path
			}
			for other := range c.gains {
				if _, seen := cameFrom[other]; !seen && flow[[2]int{other, name}] > 0 {
					cameFrom[other] = name
					queue = append(queue, other)
				}
			}
		}
	}
	return nil
}

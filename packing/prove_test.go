package packing

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The bound is never more than the fewest bins, nor called exact when it is
// less; of few items it mostly is exact.
func TestBound(t *testing.T) {
	sharp, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := drawPlain(t)
		fewest := fewestOf(s)
		for _, effort := range []Effort{Fast, Tick} {
			bins, exact, err := Bound(s.p, Options{Effort: effort})
			if err != nil {
				t.Fatal(err)
			}
			if bins > fewest || exact && bins < fewest {
				t.Fatalf("%+v at %v: %d, exact %v, yet the fewest is %d", s.p, effort, bins, exact, fewest)
			}
			if effort == Tick && exact {
				sharp++
			}
		}
		all++
	})
	if sharp < all*95/100 {
		t.Errorf("exact in %d of %d", sharp, all)
	}
}

func TestBoundChecksTheProblem(t *testing.T) {
	_, _, err := Bound(&Problem{Classes: []Class{{Count: -1}}}, Options{})
	require.Error(t, err)
}

// Each dimension has room for all in four bins, both together do not: to see
// that takes more than Fast has.
func TestBoundByEffort(t *testing.T) {
	p := &Problem{Dimensions: []string{"a", "b"}, Templates: []Template{{Bin{Capacity: []int64{10, 10}}, 9}}}
	for i := range 10 {
		size := [][]int64{{6, 1}, {1, 6}, {4, 4}}[min(i/3, 2)]
		p.Classes = append(p.Classes, Class{Name: fmt.Sprint(i), Size: size, Count: 1})
	}
	for effort, want := range map[Effort]int{Fast: 4, Tick: 5, Second: 5} {
		bins, exact, err := Bound(p, Options{Effort: effort})
		require.NoError(t, err)
		require.Equal(t, want, bins, effort)
		require.Equal(t, effort != Fast, exact, effort)
	}
}

func ExampleBound() {
	// Each of the large ones leaves 40 GiB, where no two small ones fit.
	p := &Problem{
		Dimensions: []string{"memory_gib"},
		Templates:  []Template{{Bin: Bin{Capacity: []int64{100}}, Max: 10}},
		Classes: []Class{
			{Name: "large", Size: []int64{60}, Count: 3},
			{Name: "small-a", Size: []int64{35}, Count: 3},
			{Name: "small-b", Size: []int64{30}, Count: 2},
		},
	}
	bins, exact, err := Bound(p, Options{})
	fmt.Println(bins, exact, err)
	// Output: 4 true <nil>
}

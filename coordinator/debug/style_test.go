package debug

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Colours of text differ enough from what is behind them, in light and in dark:
// relative luminance and contrast as in WCAG 2.2, 4.5 for text and 3 for curves.
func TestContrast(t *testing.T) {
	css, err := assets.ReadFile("assets/debug.css")
	require.NoError(t, err)
	roots := strings.Split(string(css), ":root {")
	require.Len(t, roots, 3)
	for i, scheme := range []string{"light", "dark"} {
		block, _, _ := strings.Cut(roots[i+1], "}")
		luminance := map[string]float64{}
		for _, m := range regexp.MustCompile(`--(\w+): #(\w+);`).FindAllStringSubmatch(block, -1) {
			luminance[m[1]] = luminanceOf(t, m[2])
		}
		for _, pair := range []struct {
			front, back string
			least       float64
		}{
			{"ink", "paper", 4.5},
			{"ink", "back", 4.5},
			{"soft", "paper", 4.5},
			{"soft", "back", 4.5},
			{"link", "paper", 4.5},
			{"link", "back", 4.5},
			{"paper", "link", 4.5},
			{"ink", "track", 4.5},
			{"good", "goodback", 4.5},
			{"warn", "warnback", 4.5},
			{"warn", "paper", 4.5},
			{"ice", "iceback", 4.5},
			{"soft", "iceback", 4.5},
			{"desired", "paper", 4.5},
			{"ready", "paper", 3},
			{"load", "paper", 3},
			{"some", "paper", 3},
			{"high", "paper", 3},
			{"full", "paper", 3},
		} {
			front, ok := luminance[pair.front]
			require.True(t, ok, pair.front)
			back, ok := luminance[pair.back]
			require.True(t, ok, pair.back)
			ratio := (max(front, back) + 0.05) / (min(front, back) + 0.05)
			require.GreaterOrEqual(t, ratio, pair.least, "%s: %s on %s", scheme, pair.front, pair.back)
		}
	}
}

func luminanceOf(t *testing.T, hex string) (sum float64) {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	rgb, err := strconv.ParseUint(hex, 16, 24)
	require.NoError(t, err)
	for i, weight := range []float64{0.0722, 0.7152, 0.2126} {
		c := float64(rgb>>(8*i)&0xff) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

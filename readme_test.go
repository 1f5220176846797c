package bellows_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program in README is the package example, line for line.
func TestReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "func main() {\n")
	require.True(t, found)
	shown, _, _ := strings.Cut(rest, "\n}\n")

	source, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	_, rest, _ = strings.Cut(string(source), "func Example() {\n")
	body, _, _ := strings.Cut(rest, "\n\t// Output:")
	require.Equal(t, body, shown)
}

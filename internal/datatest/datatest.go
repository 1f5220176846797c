// Package datatest finds the folder of published data that some tests need. The
// data is not part of the project.
package datatest

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir returns the folder to read data from: given, the value of the test's own
// flag, or else the folder sub of the one that the environment variable
// BELLOWS_DATA names. With neither the test is skipped; with one that is missing
// or empty it fails.
func Dir(t testing.TB, given, sub string) string {
	t.Helper()
	dir := given
	if dir == "" {
		root := os.Getenv("BELLOWS_DATA")
		if root == "" {
			t.Skipf("needs data: set BELLOWS_DATA, or the flag of this test, to a folder with %s", sub)
		}
		dir = filepath.Join(root, sub)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatalf("data was asked for: %v", err)
	}
	if len(entries) == 0 {
		t.Fatalf("data was asked for, but %s is empty", dir)
	}
	return dir
}

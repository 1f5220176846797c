package kubetest

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// Eventually waits until what says "", and fails with what it says when that takes
// longer than limit. Calls that it makes do not end with the limit, but with the test.
func Eventually(t testing.TB, limit time.Duration, what func(ctx context.Context) string) {
	t.Helper()
	said, end := "", time.Now().Add(limit)
	_ = wait.PollUntilContextCancel(t.Context(), 20*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		said = what(ctx)
		return said == "" || time.Now().After(end), nil
	})
	if said != "" {
		t.Fatalf("after %v: %s", limit, said)
	}
}

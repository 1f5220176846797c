package check_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/internal/check"
)

func TestFaultsNest(t *testing.T) {
	var inner check.Faults
	inner.Require(true, "Fine", "never seen")
	inner.Require(false, "Value", "must be > 0, is %v", -1)
	inner.Require(false, "Period", "must be set")

	var outer check.Faults
	outer.Under("Of", inner.Err())
	outer.Under("Of", nil)
	outer.Under("Plain", errors.New("broken"))

	require.EqualError(t, outer.Err(), "Of.Value: must be > 0, is -1\nOf.Period: must be set\nPlain: broken")
	require.NoError(t, (&check.Faults{}).Err())
}

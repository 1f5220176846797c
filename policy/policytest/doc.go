// Package policytest holds the laws that every policy keeps, as a kit for those
// who write policies:
//
//	func TestLaws(t *testing.T) {
//		policytest.Run(t, mypolicy.Config{Target: 10}, policytest.Options{})
//	}
//
// The laws, each a subtest over random timelines:
//
//   - [Valid]: Validate returns nil, and Needs is the same twice.
//   - [Deterministic]: two policies of one Config that see the same decide the
//     same.
//   - [Isolated]: two targets of one Config share no memory: interleaved, they
//     decide as they would alone.
//   - [Borrowed]: a policy keeps nothing of an Observation's slices and of its
//     own decisions' steps, and writes its steps where it was lent room.
//   - [Steps]: the steps lead from Desired to Replicas without a gap, there is
//     at least one, and each has a reason; only a proposal moves the count.
//   - [Bounds]: a count lies in [0, math.MaxInt32], and in [Options.Min,
//     Options.Max] where those are set.
//   - [Hostile]: whatever the numbers (not a number, infinite, negative, huge),
//     the qualities and the clock, nothing panics, saving neither, and Steps and
//     Bounds hold.
//   - [Silence]: with a reading that is not OK or no number, counts that could
//     not be read, seconds of which none is known or a running pod whose usage
//     is not, no decision goes below both Desired and the decision before, unless
//     Options.Max asks for it.
//   - [Saved]: the policy is a policy.Saver; restored into another policy at any
//     tick it goes on as if nothing had happened; a state that is cut
//     off, no JSON or of another version (the first member "V" or "Version") is
//     refused and changes nothing; a plausible one may be taken, without a panic.
//   - [Monotone]: where Options.Monotone declares it: with every reading larger,
//     all else equal and Ready + Starting = Desired, no fewer replicas.
//   - [Valued]: policy.Value, of a Valuer or not, is in [0, 1], no less for more
//     replicas, concave, and changes no later decision.
//   - [NoAllocation]: warmed up and with a lent buffer Decide allocates nothing.
//
// Each law counts how often it was put to the test, and fails when that is rare.
// A policy that breaks a law on purpose says so in Options.Exempt; the law is
// tried nonetheless, and an exemption that nothing needs is a failure.
package policytest

// Package coordinatortest helps to test what package coordinator is connected
// to, and what is built on it: a [Fleet] is a world in memory.
package coordinatortest

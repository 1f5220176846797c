//go:build unix && !linux

package proc

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// born asks ps, which knows births to the second.
func born(pid int) (string, error) {
	out, err := exec.Command("ps", "-o", "stat=,lstart=", "-p", strconv.Itoa(pid)).Output()
	var none *exec.ExitError
	if errors.As(err, &none) {
		return "", ErrGone
	}
	if err != nil {
		return "", fmt.Errorf("proc: %w", err)
	}
	state, start, found := strings.Cut(strings.TrimSpace(string(out)), " ")
	if !found || strings.HasPrefix(state, "Z") {
		return "", ErrGone
	}
	return strings.TrimSpace(start), nil
}

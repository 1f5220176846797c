package promserver

import (
	"os/exec"
	"syscall"
)

// dieWithParent leaves no server behind a program that is killed.
func dieWithParent(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

package proc

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain makes the test binary a process that says who it is, answers one
// connection of its listener, and ends when its lifeline is cut.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || os.Args[1] != "child" {
		os.Exit(m.Run())
	}
	id, err := Self()
	if err != nil {
		os.Exit(1)
	}
	end := make(chan struct{})
	OnCut(Lifeline(), func() { close(end) })
	if l, err := Listener(); err == nil {
		if c, err := l.Accept(); err == nil {
			fmt.Fprintln(c, "hello")
			c.Close()
		}
	}
	fmt.Println(id.Pid, id.Born)
	<-end
}

func child(t *testing.T, l *net.TCPListener, line *os.File) (ID, *exec.Cmd, *bufio.Reader) {
	cmd := exec.Command(os.Args[0], "child")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	id, err := Start(cmd, l, line)
	require.NoError(t, err)
	return id, cmd, bufio.NewReader(out)
}

func TestLifeOfAProcess(t *testing.T) {
	line, end, err := NewLifeline()
	require.NoError(t, err)
	l, err := Listen()
	require.NoError(t, err)
	id, cmd, out := child(t, l, line)
	require.NoError(t, l.Close())
	require.NoError(t, line.Close())

	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err, "the process has the port")
	hello, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, "hello\n", string(hello))
	said, err := out.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("%d %s\n", id.Pid, id.Born), said, "it knows itself by the same ID")

	require.True(t, id.Alive())
	require.NoError(t, id.Signal(0))
	other := ID{id.Pid, id.Born + "0"}
	require.False(t, other.Alive(), "a number that was used again is somebody else")
	require.ErrorIs(t, other.Signal(syscall.SIGKILL), ErrGone)
	require.True(t, id.Alive(), "which nobody hits")

	require.NoError(t, end.Close())
	_, err = out.ReadString('\n')
	require.ErrorIs(t, err, io.EOF, "it ends when its lifeline is cut")
	// Nobody has waited for it yet: whatever is left of it is not alive.
	for id.Alive() {
		continue // a moment passes between the end of its output and its own
	}
	require.ErrorIs(t, id.Signal(0), ErrGone)
	require.NoError(t, cmd.Wait())
	_, err = Of(id.Pid)
	require.ErrorIs(t, err, ErrGone)
	_, err = net.Dial("tcp", l.Addr().String())
	require.Error(t, err, "the port went with the process")
}

func TestStoppedProcessIsAlive(t *testing.T) {
	line, end, err := NewLifeline()
	require.NoError(t, err)
	defer end.Close()
	id, cmd, _ := child(t, nil, line)
	require.NoError(t, id.Signal(syscall.SIGSTOP))
	require.True(t, id.Alive())
	require.NoError(t, id.Signal(syscall.SIGKILL))
	require.Error(t, cmd.Wait())
	require.False(t, id.Alive())
}

func TestNobody(t *testing.T) {
	require.False(t, ID{}.Alive())
	require.ErrorIs(t, ID{}.Signal(syscall.SIGKILL), ErrGone, "process 0 would be all of our own group")
	require.ErrorIs(t, ID{Pid: -1}.Signal(syscall.SIGKILL), ErrGone)
	t.Setenv(listenerEnv, "")
	_, err := Listener()
	require.Error(t, err)
	t.Setenv(lifelineEnv, "")
	require.Nil(t, Lifeline())
	OnCut(nil, func() { t.Error("there is nothing to cut") })
}

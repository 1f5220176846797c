// Package promserver starts a real Prometheus server on the loopback interface,
// for the demonstration and for tests.
package promserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A Server is a process that was started.
type Server struct {
	URL string

	process *exec.Cmd
	log     bytes.Buffer // valid when gone is closed
	gone    chan struct{}
	kill    sync.Once
}

// Find returns the path of prometheus or promtool. BELLOWS_PROMETHEUS may name
// the folder that has them; otherwise the path is searched.
func Find(program string) (string, error) {
	if dir := os.Getenv("BELLOWS_PROMETHEUS"); dir != "" && dir != "must" {
		program = filepath.Join(dir, program)
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("no %s found: apt-get install --no-install-recommends prometheus, or set BELLOWS_PROMETHEUS to its folder", program)
	}
	return path, nil
}

// Start runs a server with its data in dir, which must exist, and a
// configuration for scraping each of targets (host:port) every interval, all
// under the job "bellows". It returns when the server is ready, or with what it
// said before it ended.
func Start(ctx context.Context, dir string, interval time.Duration, targets ...string) (*Server, error) {
	program, err := Find("prometheus")
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf("global:\n  scrape_interval: %dms\n  scrape_timeout: %[1]dms\nscrape_configs:\n- job_name: bellows\n  static_configs:\n  - targets: ['%s']\n",
		interval.Milliseconds(), strings.Join(targets, "', '"))
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	for range 3 { // a port that was free may be taken meanwhile
		var s *Server
		if s, err = run(ctx, program, file, filepath.Join(dir, "data")); err == nil {
			return s, nil
		}
		if !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	return nil, err
}

func run(ctx context.Context, program, config, data string) (*Server, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		return nil, err
	}
	s := &Server{URL: "http://" + address, gone: make(chan struct{})}
	s.process = exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+data,
		"--web.listen-address="+address, "--log.level=warn")
	s.process.Stdout, s.process.Stderr = &s.log, &s.log
	dieWithParent(s.process)
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.gone)
		_ = s.process.Wait()
	}()
	if err := s.ready(ctx); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

// ready waits until the server answers, ends, or ctx does.
func (s *Server) ready(ctx context.Context) error {
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/-/ready", nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-poll.C:
		case <-s.gone:
			return errors.New("prometheus ended: " + s.log.String())
		case <-ctx.Done():
			return fmt.Errorf("prometheus is not ready: %w", context.Cause(ctx))
		}
	}
}

// Kill ends the server at once and returns when it has ended.
func (s *Server) Kill() {
	s.kill.Do(func() { _ = s.process.Process.Kill() })
	<-s.gone
}

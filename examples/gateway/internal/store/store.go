// Package store keeps documents in a directory, each a file of JSON: written as a
// whole or not at all, and changed by one process at a time.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// ErrNone says that a document does not exist.
var ErrNone = fs.ErrNotExist

// retry is how often a lock that another holds is tried for.
const retry = 2 * time.Millisecond

// A Document is a file that holds a value as JSON.
type Document string

// Read reads the value. It needs no lock: it sees what some Write wrote.
func (d Document) Read(v any) error {
	data, err := os.ReadFile(string(d))
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("store: %s: %w", d, err)
	}
	return nil
}

// Write replaces the value, which outlives this process; with onDisk, a power cut
// too.
func (d Document) Write(v any, onDisk bool) error {
	data, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return fmt.Errorf("store: %s: %w", d, err)
	}
	dir, name := filepath.Split(string(d))
	f, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	if err == nil && onDisk {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), string(d))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Lock waits until nobody else, in this process or another, holds the document's
// lock, or ctx ends. A lock ends with its process.
func (d Document) Lock(ctx context.Context) (unlock func(), err error) {
	f, err := os.OpenFile(string(d)+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("store: lock of %s: %w", d, err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("store: lock of %s: %w", d, ctx.Err())
		case <-time.After(retry):
		}
	}
}

// Count adds one to a number that a document holds, 0 if there is none, and
// returns it.
func (d Document) Count(ctx context.Context) (n uint64, err error) {
	unlock, err := d.Lock(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	if err := d.Read(&n); err != nil && !errors.Is(err, ErrNone) {
		return 0, err
	}
	n++
	return n, d.Write(n, true)
}

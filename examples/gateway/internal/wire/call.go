package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxAnswer is the longest answer, in bytes, that a process takes from another.
const maxAnswer = 16 << 20

// A StatusError is an answer other than 2xx.
type StatusError struct {
	Status int
	Text   string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("status %d: %s", e.Status, e.Text)
}

// Call sends in as JSON, unless it is nil, and reads the answer into out, unless
// that is nil. An answer other than 2xx is a *[StatusError].
func Call(ctx context.Context, client *http.Client, method, url string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: %w", method, url, err)
	case len(data) > maxAnswer:
		return fmt.Errorf("%s %s: the answer is longer than %d bytes", method, url, maxAnswer)
	case resp.StatusCode/100 != 2:
		text := strings.TrimSpace(string(data[:min(len(data), 200)]))
		return fmt.Errorf("%s %s: %w", method, url, &StatusError{resp.StatusCode, text})
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	return nil
}

// Decode reads a request's body as JSON into v. When that fails it answers for
// itself and returns false.
func Decode(w http.ResponseWriter, r *http.Request, v any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAnswer)).Decode(v)
	if err != nil {
		http.Error(w, "bad JSON: "+err.Error(), http.StatusBadRequest)
	}
	return err == nil
}

// Answer writes v as JSON.
func Answer(w http.ResponseWriter, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data) // a client that went away needs no answer
}

// Local refuses requests that were not made to the loopback interface by that
// name or number, such as those of a web page whose name was pointed there.
func Local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, found := strings.Cut(r.Host, ":")
		if !found {
			host = r.Host
		}
		if host != "127.0.0.1" && host != "localhost" {
			http.Error(w, "not for "+r.Host, http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

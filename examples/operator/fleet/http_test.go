package fleet_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// replay reads the body of a request that is still to be sent.
func replay(r *http.Request) []byte {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body
}

func decode(body []byte, to any) error { return json.Unmarshal(body, to) }

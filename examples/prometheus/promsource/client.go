package promsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// ErrTooLarge is wrapped by the error of an answer of more than
// Options.MaxBytes.
var ErrTooLarge = errors.New("the answer is too large")

// A client asks instant queries.
type client struct {
	options  *Options
	endpoint string
	http     *http.Client
}

func newClient(o *Options) (*client, error) {
	transport, err := o.transport()
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(o.URL)
	if err != nil {
		return nil, err
	}
	return &client{o, base.JoinPath("api/v1/query").String(), &http.Client{
		Transport: transport,
		// A redirect would turn the POST into a GET, and carry the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// token returns the bearer token, "" for none.
func (c *client) token() (string, error) {
	if c.options.BearerTokenFile == "" {
		return c.options.BearerToken, nil
	}
	f, err := os.Open(c.options.BearerTokenFile)
	if err != nil {
		return "", fmt.Errorf("promsource: bearer token: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return "", fmt.Errorf("promsource: bearer token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" || !visible(token) {
		return "", fmt.Errorf("promsource: bearer token: %s has none", c.options.BearerTokenFile)
	}
	return token, nil
}

// ask asks one instant query as of an instant.
func (c *client) ask(ctx context.Context, token, expr string, at time.Time) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	seconds := func(milli int64) string { return strconv.FormatFloat(float64(milli)/1000, 'f', 3, 64) }
	form := url.Values{"query": {expr}, "time": {seconds(at.UnixMilli())}}
	if deadline, ok := ctx.Deadline(); ok { // no use in reckoning on after it
		form.Set("timeout", seconds(max(1, time.Until(deadline).Milliseconds())))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	for name, values := range c.options.Header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, c.options.MaxBytes+1))
	if err != nil {
		return answer{}, fmt.Errorf("the answer broke off: %w", err)
	}
	if int64(len(body)) > c.options.MaxBytes {
		return answer{}, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, c.options.MaxBytes)
	}
	if response.StatusCode != http.StatusOK {
		status := fmt.Sprintf("%d %s", response.StatusCode, http.StatusText(response.StatusCode))
		// The server's own errors are JSON; those of a proxy before it are not.
		_, err := parse(body)
		if refused := (*Refused)(nil); errors.As(err, &refused) {
			return answer{}, fmt.Errorf("%s: %w", status, err)
		}
		return answer{}, fmt.Errorf("%s: %s", status, brief(string(body)))
	}
	return parse(body)
}

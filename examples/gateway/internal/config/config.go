// Package config is what all processes of the gateway are told: which models and
// servers there are, and how fast things go. It is a file of JSON.
package config

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
	"github.com/bellows-go/bellows/policy"
)

//go:embed default.json
var defaults []byte

// A Config is a fleet and its speeds.
type Config struct {
	Declarations coordinator.Declarations // models that have no policy get that of Approach
	ServeTime    map[string]time.Duration // by model: what a request takes; > 0
	Approach     coordinator.BothWays     // gives policies
	Interval     time.Duration            // between ticks; > 0
	Boot         time.Duration            // what a server takes to come up; >= 0
	Grace        time.Duration            // how long a server that was told to end serves on; >= 0
	Hold         time.Duration            // how long a request may wait for a replica; > 0
	Silence      time.Duration            // after which a server that does not answer is given up; > 0
}

// file is the JSON of a Config: durations are text.
type file struct {
	Declarations json.RawMessage   `json:"declarations"`
	ServeTime    map[string]string `json:"serveTime"`
	Interval     string            `json:"interval"`
	Calm         string            `json:"calm"`
	Sleep        string            `json:"sleep"`
	Boot         string            `json:"boot"`
	Grace        string            `json:"grace"`
	Hold         string            `json:"hold"`
	Silence      string            `json:"silence"`
}

// Read reads a file; "" is the fleet that comes with the gateway: three models
// and up to five servers.
func Read(path string) (Config, error) {
	if path == "" {
		return Decode(defaults)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	c, err := Decode(data)
	if err != nil {
		return Config{}, fmt.Errorf("config: %s: %w", path, err)
	}
	return c, nil
}

// Decode reads JSON. The error names every fault.
func Decode(data []byte) (Config, error) {
	var f file
	strict := json.NewDecoder(bytes.NewReader(data))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&f); err != nil {
		return Config{}, err
	}
	var errs []error
	duration := func(field, text string) (d time.Duration) {
		if text == "" {
			return 0
		}
		d, err := time.ParseDuration(text)
		if err == nil && d < 0 {
			err = errors.New("must not be negative")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", field, err))
		}
		return d
	}
	c := Config{ // waves that come by the minute turn the counts around often
		ServeTime: map[string]time.Duration{},
		Approach:  coordinator.BothWays{Calm: duration("calm", f.Calm), Sleep: duration("sleep", f.Sleep), Reversals: 1000},
		Interval:  duration("interval", f.Interval), Boot: duration("boot", f.Boot), Grace: duration("grace", f.Grace),
		Hold: duration("hold", f.Hold), Silence: duration("silence", f.Silence),
	}
	c.Interval = cmp.Or(c.Interval, 250*time.Millisecond)
	c.Hold = cmp.Or(c.Hold, 15*time.Second)
	c.Silence = cmp.Or(c.Silence, 2*time.Second)
	declared, err := coordinator.DecodeDeclarations(f.Declarations, policy.BuiltinKinds())
	if err == nil {
		c.Declarations, err = c.Approach.Declare(declared)
	}
	if err != nil {
		errs = append(errs, fmt.Errorf("declarations: %w", err))
	}
	for _, m := range declared.Models {
		c.ServeTime[m.Name] = duration("serveTime."+m.Name, f.ServeTime[m.Name])
		if c.ServeTime[m.Name] <= 0 {
			errs = append(errs, fmt.Errorf("serveTime.%s: must be > 0", m.Name))
		}
	}
	for name := range f.ServeTime {
		if _, known := c.ServeTime[name]; !known && err == nil {
			errs = append(errs, fmt.Errorf("serveTime.%s: there is no such model", name))
		}
	}
	if len(declared.Services) > 0 {
		errs = append(errs, errors.New("declarations: the gateway has no services"))
	}
	return c, errors.Join(errs...)
}

// Models are the names of the models.
func (c Config) Models() (names []string) {
	for _, m := range c.Declarations.Models {
		names = append(names, m.Name)
	}
	return names
}

// Orders are how models are loaded, by name.
func (c Config) Orders() map[string]wire.LoadOrder {
	orders := map[string]wire.LoadOrder{}
	for _, m := range c.Declarations.Models {
		orders[m.Name] = wire.LoadOrder{Needs: m.Needs, Slots: m.Slots, LoadTime: m.LoadTime, ServeTime: c.ServeTime[m.Name]}
	}
	return orders
}

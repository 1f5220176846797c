package debug

import (
	"html/template"
	"strings"
	"time"
)

// functions are what templates can do beyond showing a field.
var functions = template.FuncMap{
	"clock": func(t time.Time) string { return t.UTC().Format("15:04:05") },
	"day":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	// quarter is a class for how full something is.
	"quarter": func(percent int) string {
		switch {
		case percent > 95:
			return "full"
		case percent > 75:
			return "high"
		}
		return "some"
	},
	"scale": func(percent, size int) int { return percent * size / 100 },
	// bare is a reason to wait below a heading that says so.
	"bare":  func(reason string) string { return strings.TrimPrefix(reason, "waits for ") },
	"minus": func(a, b int) int { return a - b },
}

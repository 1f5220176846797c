package kubetest

import (
	"net/http"
	"strings"
)

// A Right is what a rule of a role grants.
type Right struct{ Verb, Group, Resource string }

// rightOf is the right that a request takes.
func rightOf(r *http.Request) Right {
	group, parts := split(r.URL.Path)
	to := Right{Verb: strings.ToLower(r.Method), Group: group, Resource: Resource(r.URL.Path)}
	switch {
	case r.Method == http.MethodPost:
		to.Verb = "create"
	case r.Method == http.MethodPut:
		to.Verb = "update"
	case r.Method == http.MethodGet && len(parts) == 1 && r.URL.Query().Get("watch") != "":
		to.Verb = "watch"
	case r.Method == http.MethodGet && len(parts) == 1:
		to.Verb = "list"
	}
	return to
}

// split takes a path apart: the API group, and the resource with what follows.
func split(path string) (group string, parts []string) {
	parts = strings.Split(strings.Trim(path, "/"), "/")
	if parts[0] == "api" {
		parts = parts[min(2, len(parts)):]
	} else {
		group, parts = parts[min(1, len(parts)-1)], parts[min(3, len(parts)):]
	}
	if len(parts) >= 3 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	return group, parts
}

// Resource is what a path is about: "pods", "statefulsets/scale".
func Resource(path string) string {
	_, parts := split(path)
	switch len(parts) {
	case 0:
		return "discovery"
	case 1, 2:
		return parts[0]
	}
	return parts[0] + "/" + parts[2]
}

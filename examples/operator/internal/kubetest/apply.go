package kubetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Install creates the objects of manifests, named from the module's root, in a
// namespace where they name none; those that there are already stay. A field that
// is not known is an error.
func (e *Env) Install(ctx context.Context, namespace string, files ...string) error {
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(Root(), file))
		if err != nil {
			return err
		}
		decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
		for {
			u := &unstructured.Unstructured{}
			if err := decoder.Decode(&u.Object); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if len(u.Object) == 0 {
				continue
			}
			if u.GetNamespace() == "" && namespace != "" {
				u.SetNamespace(namespace)
			}
			if err := e.API.Create(ctx, u, client.FieldValidation(metav1.FieldValidationStrict)); client.IgnoreAlreadyExists(err) != nil {
				return fmt.Errorf("%s: %s %s: %w", file, u.GetKind(), u.GetName(), err)
			}
		}
	}
	return nil
}

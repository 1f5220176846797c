module github.com/bellows-go/bellows/examples/gateway

go 1.26.0

replace github.com/bellows-go/bellows => ../..

require (
	github.com/bellows-go/bellows v0.0.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/sync v0.24.0
)

require (
	github.com/benbjohnson/clock v1.3.5 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

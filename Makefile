# Every target is one of the two commands of the README, or a part of them.
export GOTOOLCHAIN := local
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -buildvcs=false
export PATH := $(CURDIR)/.tools/bin:$(PATH)

PROGRAMS := builder/programs/bin
ARCHES   := amd64 arm64
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  := -s -w

.PHONY: help setup services build programs demo test unit wide repro faults compare bench generate verify lint clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' Makefile

setup: ## install what a fresh Debian machine with Go lacks
	scripts/setup.sh

services: setup # what tests of the executor talk to
	scripts/services.sh

programs: # the static programs that lockforge carries: unpack and executor
	@for arch in $(ARCHES); do for p in unpack executor; do GOARCH=$$arch GOOS=linux go build -ldflags '$(LDFLAGS)' -o $(PROGRAMS)/$$p-linux-$$arch ./cmd/$$p || exit 1; done; done

build: programs ## leave bin/lockforge and bin/executor
	go build -ldflags '$(LDFLAGS) -X github.com/lockforge/lockforge/builder.Version=$(VERSION)' -o bin/lockforge ./cmd/lockforge
	go build -ldflags '$(LDFLAGS)' -o bin/executor ./cmd/executor

demo: setup build ## the main job: lock, build, sign, verify and run manifests/quickstart.yaml
	scripts/demo.sh

test: setup services build ## everything that CI runs: lint, generated files, all tests with real parts
	scripts/test.sh

unit: ## tests that need no network, root or service
	go test -timeout 10m ./...

wide: setup build ## lock and build manifests/wide.yaml, and write docs/plugins.md
	scripts/wide.sh

repro: setup build ## one image in twenty ways: caches, mirrors, clocks, cores, kills, engines
	scripts/repro.sh

faults: setup build ## all rounds of faults: 20 kills of the engine, 50 of the program, long outages, 512 MiB for the wide manifest
	LOCKFORGE_FAULT_ROUNDS=70 LOCKFORGE_LIVE=1 LOCKFORGE_PROGRAM=$(CURDIR)/bin/lockforge go test -count=1 -p 1 -v -timeout 4h -run 'Kill|Full|Memory|AtOnce|Outage|BadLine' ./builder/integration/builds ./builder/image ./builder/attest ./builder/fetch ./builder/store

compare: setup build ## put our image and two peers' shapes to the escape suite, and write docs/comparison.md
	scripts/compare.sh

bench: setup services build ## speed and memory, as ratios to a baseline and to the lower bound
	scripts/bench.sh

generate: ## write the generated files
	go generate ./...

verify: ## fail when a generated file or go.mod is out of date
	go generate ./... && git diff --exit-code -- manifests/schema.json docs/reference testdata/golden
	go mod tidy -diff

lint: ## formatting and vet
	@files=$$(gofmt -l .); test -z "$$files" || { echo "not formatted: $$files" >&2; exit 1; }
	go vet ./...

clean: ## remove what the other targets made
	rm -rf bin .cache $(PROGRAMS)/unpack-* $(PROGRAMS)/executor-*

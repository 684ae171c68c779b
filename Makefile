# SPDX-License-Identifier: Apache-2.0
# The index of commands. `make help` prints it.
SHELL := /bin/bash
export CGO_ENABLED := 0
FUZZTIME ?= 20s
# The revision goes into the binaries wherever git can name it.
BUILD := go build -trimpath -buildvcs=$(shell git rev-parse HEAD >/dev/null 2>&1 && echo auto || echo false)

.PHONY: help setup build demo test check sim mutants vm generate fuzz clean

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F '|' '{ printf "  make %-9s %s\n", $$1, $$2 }'

build: ## build the static binaries into bin/
	$(BUILD) -o bin/plexus ./tools/plexus
	$(BUILD) -o bin/plexus-clusterd ./clusterd
	$(BUILD) -o bin/plexus-configd ./configd

demo: setup ## the main job on three real kernels: found a cluster, share volumes, lose a node; KERNEL=6.1 for another one
	@$(BUILD) -o bin/demo ./vm-tests/demo
	@bin/demo $(if $(KERNEL),--kernel $(KERNEL))

setup: ## install what this machine lacks to build and to run the guests
	@vm-tests/setup

test: setup bin/testrun ## everything: rules, unit tests, and what else tools/testrun lists; ends with the totals
	@bin/testrun

check: bin/testrun ## the quick part of it: vet and the rules of the house
	@bin/testrun --stages vet,lint

SEEDS ?= 1000
FIRST ?= 1
NODES ?= 0
STEPS ?= 0
sim: ## the simulated cluster: SEEDS=1000 FIRST=1, NODES=3 to 5, at most STEPS each
	@go run ./tools/sim --seeds=$(SEEDS) --first=$(FIRST) --nodes=$(NODES) --steps=$(STEPS)

mutants: ## rules broken on purpose, which the simulator must notice
	@go run ./tools/sim/mutants

KERNEL ?=
RUN ?= ^TestGuest$$
vm: ## one test in virtual machines: RUN=name, on one KERNEL=6.1 or on all
	go test -tags vm -v -count 1 -timeout 30m ./vm-tests -run '$(RUN)' -kernel '$(KERNEL)'

generate: ## make the generated files anew (needs clang, libbpf-dev, protobuf-compiler)
	go build -o bin/protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go
	go generate ./...

fuzz: ## fuzz every parser, FUZZTIME=20s each
	@set -e; grep -rlE --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		for name in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' $$file); do \
			echo "fuzz $$(dirname $$file) $$name"; \
			go test -run='^$$' -fuzz="^$$name\$$" -fuzztime=$(FUZZTIME) $$(dirname $$file); \
		done; done

clean: ## remove what was built here
	rm -rf bin

.PHONY: bin/testrun
bin/testrun:
	@$(BUILD) -o $@ ./tools/testrun

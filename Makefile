# SPDX-License-Identifier: Apache-2.0
# The index of commands. Each installs what it lacks.
SHELL := /bin/bash
export CGO_ENABLED := 0
BINARIES := plexus plexus-clusterd plexus-configd

.PHONY: build
build: ## build the static binaries into bin/
	go build -trimpath -o bin/plexus ./tools/plexus
	go build -trimpath -o bin/plexus-clusterd ./clusterd
	go build -trimpath -o bin/plexus-configd ./configd

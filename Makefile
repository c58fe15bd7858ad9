# Mắt Phố. `make demo` shows it at work, `make test` proves it, `make help` lists the rest.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: help setup setup-tests console build demo test bench lint fmt clean

export ORT_DYLIB_PATH ?= $(CURDIR)/var/onnxruntime/libonnxruntime.so.1.31.1

help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | column -t -s "$$(printf '\t')"

setup: ## install what is missing (Debian packages, ONNX Runtime by hash, front-end packages); idempotent
	@./setup.sh

setup-tests:
	@./setup.sh --tests

# The console is built when its sources are newer than what was built.
console: setup center/console/dist/index.html
center/console/dist/index.html: $(shell find center/console -name node_modules -prune -o -name dist -prune -o -type f -print 2>/dev/null)
	cd center/console && npm run --silent build
	@touch $@

build: console ## build everything, optimised
	cargo build --release --workspace --bins

demo: build ## cameras, edge, broker, centre, console on http://localhost:8080; CAMERA=rtsp://… or VIDEO=clip.mp4 uses yours
	@configs/demo/demo.sh

test: setup-tests console ## all tests
	@.ci/test

bench: console ## benchmarks, as a table
	cargo build --release --workspace --bins
	cargo bench -p matpho-benches -p matpho-center --bench '*'

lint: setup ## format, clippy, docs
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
	cd center/console && npm run --silent check

fmt: ## format
	cargo fmt --all

clean:
	cargo clean
	rm -rf center/console/dist center/console/node_modules var/demo

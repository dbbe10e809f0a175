# The one door. `make` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

SWIFT ?= swift
PYTHON ?= python3
SEEDS ?= 200
RELEASE := .build/release
VENV := .venv
PREFIX ?= /usr/local

.PHONY: help setup build release install demo test check fmt protos docs golden simulate soak machine-test bench mutants fuzz python clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: ## install what is missing, by package name
	@dev/setup

build: setup ## debug build of everything
	$(SWIFT) build

release: setup ## static executables runner, runner-init and runner-archive in .build/release
	dev/build-release

install: release ## copy the executables and the manual to $(PREFIX)
	install -D -m 755 $(RELEASE)/runner $(DESTDIR)$(PREFIX)/bin/runner
	install -D -m 755 $(RELEASE)/runner-init $(DESTDIR)$(PREFIX)/lib/runner/runner-init
	install -D -m 755 $(RELEASE)/runner-archive $(DESTDIR)$(PREFIX)/lib/runner/runner-archive
	dev/man $(RELEASE)/runner $(DESTDIR)$(PREFIX)/share/man/man1

demo: release python ## a real agent and a plain program are killed again and again, and finish
	$(VENV)/bin/python dev/demo.py --runner $(RELEASE)/runner --python $(VENV)/bin/python
	$(VENV)/bin/python dev/demo_plain.py --runner $(RELEASE)/runner

test: setup check python ## everything CI runs
	dev/test

check: setup ## format, layers, stale generated code: under a minute
	dev/check

fmt: ## format the Swift sources in place
	$(SWIFT) format -i -r --parallel Sources Tests examples Package.swift

protos: setup ## regenerate the C and Python from proto/
	dev/protos
	$(MAKE) python
	dev/protos-python

golden: setup ## renew golden files and documents made from --help; read the diff
	GOLDEN=renew $(SWIFT) test --filter 'Golden|Docs'

docs: golden ## same as golden

simulate: setup ## the simulation: make simulate SEEDS=1000
	$(SWIFT) build -c release --product simulate
	$(RELEASE)/simulate stories $(SEEDS)

machine-test: setup ## tests against the real kernel
	$(SWIFT) test --filter MachineTests

soak: release python ## the long forms: 500 kills, 10,000 agent-days, 20 checkpoints of 20 kinds, fuzzing (hours)
	dev/soak

bench: release python ## speed against floors and peers, with thresholds
	dev/bench/run

mutants: setup ## planted bugs must be caught
	dev/mutants/run

fuzz: setup ## libFuzzer on the frame reader
	dev/fuzz

python: setup ## virtual environment with the Python SDK
	@dev/python-env $(VENV)

clean: ## remove what was built
	rm -rf .build $(VENV)

# Every target sets up what it needs by itself, once: a virtual environment in .venv with pinned packages.
PYTHON ?= python3
MODEM ?= bg95
SEED ?= 1
PORT ?= 0
CHAOS ?=
BOARD ?=
ARGS ?=

BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint heap powercut bench-modem at-faults fuzz soak wire-bench hostile updatecut lab
.SUFFIXES:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/demo.stamp ## a container crosses Eurasia in 45 simulated days [MODEM=bg95|sim7600 SEED=1 CHAOS=1 PORT=8883]
	@$(BIN)/python -m tools.world.demo --modem $(MODEM) --seed $(SEED) --port $(PORT) $(if $(filter-out 0,$(CHAOS)),--chaos)

test: .venv/dev.stamp ## every test, on CPython and on MicroPython
	@sh .ci/system_packages.sh
	@$(BIN)/python -m pytest

lint: .venv/dev.stamp typings/lint.stamp ## style, and types of host code and of device code
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/mypy --config-file .ci/mypy-device.ini

heap: .venv/demo.stamp ## memory of a whole wake on the device, by room
	@$(BIN)/python -m tools.world.heap

soak: .venv/demo.stamp ## three trips through a harsh world: the operators' budgets, counted at the modem [SEED=1]
	@$(BIN)/python -m tools.campaign.soak --seed $(SEED)

powercut: .venv/demo.stamp ## 31,000 power cuts under records, settings, commands, updates: is anything lost?
	@$(BIN)/python -m tools.campaign.powercut

bench-modem: .venv/bench.stamp ## the firmware's drivers on a real modem [PORT=/dev/ttyUSB2 BOARD= ARGS="--broker ..."]
	@$(if $(filter 0,$(PORT)),echo "say which device: make bench-modem PORT=/dev/ttyUSB2" >&2; exit 2)
	@$(BIN)/python -m tools.bench --port $(PORT) $(if $(BOARD),--board $(BOARD)) $(ARGS)

at-faults: .venv/demo.stamp ## every command that a wake uses with every fault of the line [SEED=1]
	@$(BIN)/python -m tools.campaign.at_faults --seed $(SEED)

updatecut: .venv/demo.stamp ## updates cut off, damaged, wrong, crashing: does the device always come back?
	@$(BIN)/python -m tools.campaign.updatecut

fuzz: .venv/demo.stamp ## random bytes through the AT channel and every parser of the firmware [SEED=1]
	@$(BIN)/python -m tools.campaign.fuzz --seed $(SEED)

wire-bench: .venv/demo.stamp ## bytes a fix beside other formats, written by the device's code [SEED=1]
	@$(BIN)/python -m tools.campaign.wire_bench --seed $(SEED)

hostile: .venv/demo.stamp ## cryptography against vectors and 10,000 checks; 3,000 hostile downlinks and damaged settings [SEED=1]
	@$(BIN)/python -m tools.campaign.hostile --seed $(SEED)

lab: .venv/demo.stamp ## the scheduler beside every baseline and the clairvoyant bound: out/lab/report.html [ARGS="--line FILE"]
	@$(BIN)/python -m tools.lab $(ARGS)

.venv/bin/python:
	@$(PYTHON) .ci/check_python.py
	@echo "setting up .venv, once"
	@$(PYTHON) -m venv .venv

.venv/demo.stamp: .venv/bin/python .ci/lock-demo.txt pyproject.toml
	@$(INSTALL) -r .ci/lock-demo.txt
	@$(INSTALL) --no-deps -e .
	@touch $@

.venv/bench.stamp: .venv/demo.stamp .ci/lock-bench.txt
	@$(INSTALL) -r .ci/lock-bench.txt
	@touch $@

.venv/dev.stamp: .venv/demo.stamp .ci/lock-dev.txt
	@$(INSTALL) -r .ci/lock-dev.txt
	@touch $@

typings/lint.stamp: .venv/bin/python .ci/lock-typings.txt
	@$(INSTALL) --upgrade --target typings -r .ci/lock-typings.txt
	@touch $@

# Every target sets up what it needs by itself, once: a virtual environment in .venv with pinned packages.
PYTHON ?= python3
MODEM ?= bg95
SEED ?= 1
SEEDS ?= 3
PORT ?= 0
CHAOS ?=
SHOW ?=
BUDGET ?=
APNS ?= 1
CARD ?= $(if $(filter 2,$(APNS)),euicc4,single)
SEASON ?= winter
WORLD ?= rail
BATTERY ?= er34615
CPU ?= tabled
BOARD ?=
ARGS ?=
COMPARE ?=
LANGUAGE ?=
UPGRADE ?=

BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# What comes as source only is built by the setuptools of the lock: pip would fetch one that nobody has looked at.
LOCKED := $(INSTALL) --require-hashes --no-build-isolation

.DEFAULT_GOAL := help
.PHONY: docs coverage flood locks notify texts bench-parquet bench-web image flash deploy provision console selftest flash-sim deploy-sim heap32 lab-digest latedata killtest bench-agent located reads walk
.PHONY: downloads downloadcut bench-chip help demo test test-fast lint heap decide-bench powercut bench-modem at-faults fuzz soak wire-bench hostile updatecut switchcut cards rough lab lab-check
.PHONY: deploy-check deploy-image fleet
.SUFFIXES:

help: ## list the targets; values in brackets may be left out
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/demo.stamp ## simulate a trip: a container crosses Eurasia in 45 days [MODEM=bg95|sim7600 BUDGET=100 SEED=1 CARD=euicc4|euicc-landing|iot-landing APNS=2 WORLD=dark|sea|truck|stay|weak-battery SEASON=extreme BATTERY=lfp5ah CPU=fixed COMPARE=1 CHAOS=1 AFTER=out/earlier PORT=8883 SHOW=1]
	@$(BIN)/python -m tools.world.demo.demo --modem $(MODEM) --seed $(SEED) --port $(PORT) --card $(CARD) --apns $(APNS) --world $(WORLD) --season $(SEASON) --battery $(BATTERY) --cpu $(CPU) $(if $(filter-out 0,$(COMPARE)),--compare) $(if $(filter-out 0,$(CHAOS)),--chaos) $(if $(BUDGET),--budget $(BUDGET)) $(if $(AFTER),--after $(AFTER) --out out/demo-after) $(if $(filter-out 0,$(SHOW)),--show)

test: .venv/dev.stamp typings/lint.stamp ## run every test, on CPython and on MicroPython
	@sh .ci/system_packages.sh; left_out=$$?; [ $$left_out = 0 ] || [ $$left_out = 3 ] || exit 1; \
		$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder && exit $$left_out

test-fast: .venv/dev.stamp ## run the quick tests: those in one process, and device tests on CPython
	@$(BIN)/python -m pytest host_tests/unit host_tests/device -m "not micropython" -n 2 --dist loadfile --no-loadscope-reorder

lint: .venv/dev.stamp typings/lint.stamp ## check style, imports between folders, and types of host and device code
	@$(BIN)/ruff check .
	@PYTHONPATH=.ci:.:agent:firmware $(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pytest host_tests/unit/test_arrows.py
	@$(BIN)/mypy
	@$(BIN)/mypy --config-file .ci/mypy-device.ini

coverage: .venv/dev.stamp typings/lint.stamp ## measure the coverage of the tests on CPython: out/coverage/index.html [ARGS=host_tests/integration/test_agent_unit.py]
	@$(BIN)/python -m pytest $(ARGS) --cov --cov-report=html --cov-report=term:skip-covered

docs: .venv/dev.stamp ## print the pages of docs/reference that come from the code
	@$(BIN)/python -m tools.flash.settings_schema
	@$(BIN)/python -m tools.lab explain >/dev/null
	@$(BIN)/python -m tools.reference

image: .venv/flash.stamp ## build a flash image in build/image/: BOARD=REFERENCE_BG95 [MICROPYTHON=image.bin]
	@$(if $(BOARD),,echo "say which board: make image BOARD=REFERENCE_BG95" >&2; exit 2)
	@$(BIN)/python -m tools.flash.image $(BOARD) $(if $(MICROPYTHON),--micropython $(MICROPYTHON))

flash: .venv/flash.stamp ## flash a board: BOARD=.. PORT=/dev/ttyUSB0 MICROPYTHON=image.bin [ERASE=1]
	@$(if $(and $(BOARD),$(MICROPYTHON),$(filter-out 0,$(PORT))),,echo "say which board, port and image: make flash BOARD=REFERENCE_BG95 PORT=/dev/ttyUSB0 MICROPYTHON=image.bin" >&2; exit 2)
	@$(BIN)/python -m tools.flash.flash $(BOARD) --port $(PORT) --micropython $(MICROPYTHON) $(if $(ERASE),--erase)

deploy: .venv/flash.stamp ## update the firmware of a tracker over USB; records and identity stay: BOARD=.. PORT=.. [REPLACE=1]
	@$(if $(and $(BOARD),$(filter-out 0,$(PORT))),,echo "say which board and port: make deploy BOARD=REFERENCE_BG95 PORT=/dev/ttyUSB0" >&2; exit 2)
	@$(BIN)/python -m tools.flash.deploy $(BOARD) --port $(PORT) $(if $(REPLACE),--replace)

provision: .venv/flash.stamp ## write identity and key to trackers: DEVICE="devices/lb-0001 .." PORT=.. [REPLACE=1]
	@$(if $(and $(DEVICE),$(filter-out 0,$(PORT))),,echo "say which folder and port: make provision DEVICE=devices/lb-0001 PORT=/dev/ttyUSB0" >&2; exit 2)
	@$(BIN)/python -m tools.flash.provision $(DEVICE) --port $(PORT) $(if $(REPLACE),--replace)

console: .venv/flash.stamp ## open the prompt of a tracker, with status() plan() journal() at("+CSQ"): PORT=..
	@$(if $(filter 0,$(PORT)),echo "say which port: make console PORT=/dev/ttyUSB0" >&2; exit 2)
	@$(BIN)/python -m tools.flash.console $(PORT)

selftest: .venv/flash.stamp ## test every part of a tracker: PORT=..
	@$(if $(filter 0,$(PORT)),echo "say which port: make selftest PORT=/dev/ttyUSB0" >&2; exit 2)
	@$(BIN)/python -m tools.flash.selftest --port $(PORT)

bench-chip: .venv/flash.stamp ## measure what a board needs for its work, and compare it with the simulator: PORT=.. [ARGS="--meter run.csv --volts 3.8"]
	@$(if $(filter 0,$(PORT)),echo "say which port: make bench-chip PORT=/dev/ttyUSB0" >&2; exit 2)
	@$(BIN)/python -m tools.flash.bench_chip --port $(PORT) $(ARGS)

flash-sim: .venv/flash.stamp ## run esptool against a simulated bootloader, then one wake of the result [MICROPYTHON=..]
	@$(BIN)/python -m tools.flash.flash_sim $(if $(MICROPYTHON),--micropython $(MICROPYTHON))

deploy-sim: .venv/flash.stamp ## run mpremote against a simulated board, interrupted at every file, then one wake
	@$(BIN)/python -m tools.flash.deploy_sim

heap32: .venv/flash.stamp ## measure the memory of a whole wake with 32-bit words, as on the ESP32; needs Debian's sources and gcc
	@sh .ci/heap32.sh build/heap32
	@$(BIN)/python -m tools.world.device.heap --micropython build/heap32/build/micropython

killtest: .venv/demo.stamp ## kill agent and broker 300 times under 50 devices, reconnect 1,000 devices: is a point lost? needs Mosquitto [SEED=1 ARGS="--engine postgresql"]
	@$(BIN)/python -m tools.verify.kill.killtest --seed $(SEED) $(ARGS)
	@$(BIN)/python -m tools.verify.kill.crowd --seed $(SEED)

fleet: .venv/demo.stamp ## set up a new installation with 500 devices and simulate a day over TLS; needs Mosquitto [ARGS="--devices 50 --firmware 2"]
	@$(BIN)/python -m tools.verify.fleet.fleet $(ARGS)

deploy-check: ## check the files in deploy/ with promtool, Docker Compose and systemd, and that alerts fire
	@sh deploy/check.sh

deploy-image: .venv/demo.stamp ## run the steps of deploy/Dockerfile in a clean Debian, and the services of compose.yaml; root, no Docker
	@$(BIN)/python -m tools.verify.image.image

flood: .venv/demo.stamp ## flood the agent with live feeds, half-open requests, sign-ins and junk while 20 devices report; Linux, needs Mosquitto
	@$(BIN)/python -m tools.verify.flood.flood $(ARGS)

bench-agent: .venv/demo.stamp ## benchmark the agent: throughput, PostgreSQL, NATS, many points, many devices [ARGS="--turns 5"]
	@sh .ci/system_packages.sh || [ $$? = 3 ]
	@$(BIN)/python -m tools.verify.benchmarks.agent.benchmark --seed $(SEED) $(ARGS)

latedata: .venv/demo.stamp ## store a trip's points in any order: are the events the same? [SEED=1]
	@$(BIN)/python -m tools.verify.tracking.latedata --seed $(SEED)

located: .venv/demo.stamp ## measure how well cells place points without GNSS on a second trip of a route [MODEM= SEED=1]
	@$(BIN)/python -m tools.verify.tracking.located --seed $(SEED) --modem $(MODEM)

heap: .venv/flash.stamp ## measure the memory of a whole wake on the device, by action
	@$(BIN)/python -m tools.world.device.heap

reads: .venv/flash.stamp ## count flash reads, erases and bytes written by kind of wake
	@$(BIN)/python -m tools.world.device.reads

decide-bench: .venv/flash.stamp ## measure the cost of a decision of the scheduler: time, garbage, state [MODEM= SEED=1]
	@$(BIN)/python -m tools.verify.benchmarks.decide --modem $(MODEM) --seed $(SEED)

soak: .venv/demo.stamp ## run three trips through a harsh world and count attempts against the operators' retry budgets [SEED=1]
	@$(BIN)/python -m tools.verify.soak.soak --seed $(SEED)

rough: .venv/demo.stamp ## run trips with days without a network, a ship, a truck, a stay, a weak battery, and compare with fixed schedules [SEED=1 ARGS="--world dark --modem bg95"]
	@$(BIN)/python -m tools.verify.soak.rough --seed $(SEED) $(ARGS)

powercut: .venv/demo.stamp ## cut the power 35,000 times during records, settings, commands, keys and updates: is anything lost?
	@$(BIN)/python -m tools.verify.powercut.powercut

bench-modem: .venv/bench.stamp ## test a real modem with the drivers of the firmware: PORT=/dev/ttyUSB2 [BOARD= ARGS="--broker ..."]
	@$(if $(filter 0,$(PORT)),echo "say which port: make bench-modem PORT=/dev/ttyUSB2" >&2; exit 2)
	@$(BIN)/python -m tools.bench --port $(PORT) $(if $(BOARD),--board $(BOARD)) $(ARGS)

at-faults: .venv/demo.stamp ## inject every fault of the serial line into every command of a wake [SEED=1]
	@$(BIN)/python -m tools.verify.faults.at_faults --seed $(SEED)

updatecut: .venv/demo.stamp ## interrupt, damage and crash updates: does the device always recover?
	@$(BIN)/python -m tools.verify.updates.updatecut

fuzz: .venv/demo.stamp ## send random bytes to the AT channel, every parser of the firmware, and the agent [SEED=1]
	@$(BIN)/python -m tools.verify.fuzz.firmware --seed $(SEED)
	@$(BIN)/python -m tools.verify.fuzz.agent --seed $(SEED)

bench-parquet: .venv/dev.stamp ## export a year of 1,000 devices as Parquet: seconds, bytes, memory [ARGS="--a-day 24"]
	@PYTHONPATH=.:agent $(BIN)/python -m tools.verify.benchmarks.parquet $(ARGS)

notify: .venv/dev.stamp .venv/demo.stamp ## run a month of 24 trackers through the default notification rules, with kills: is a message lost or doubled? needs Mosquitto [SEED=1]
	@PYTHONPATH=.:agent:firmware $(BIN)/python -m tools.verify.notify.notify --seed $(SEED) $(ARGS)

bench-web: .venv/dev.stamp ## benchmark the pages with 10,000 devices and with 100,000 points of one; needs Chromium [SEED=1]
	@sh .ci/system_packages.sh || [ $$? = 3 ]
	@$(BIN)/python -m tools.verify.benchmarks.web.benchmark --seed $(SEED)

wire-bench: .venv/demo.stamp ## compare the bytes per fix with other formats [SEED=1]
	@$(BIN)/python -m tools.verify.benchmarks.wire.benchmark --seed $(SEED)

hostile: .venv/demo.stamp ## attack the protocol: cryptography, hostile downlinks, damaged settings, ten days with a hostile broker [SEED=1]
	@$(BIN)/python -m tools.verify.hostile.hostile --seed $(SEED)

cards: .venv/demo.stamp ## compare the same trips with each kind of SIM card [MODEM= SEED=1 SEEDS=3]
	@$(BIN)/python -m tools.verify.esim.cards --modem $(MODEM) --seed $(SEED) --seeds $(SEEDS)

switchcut: .venv/demo.stamp ## cut the power at every step of a profile switch: is a device stranded?
	@$(BIN)/python -m tools.verify.esim.switchcut $(ARGS)

downloads: .venv/demo.stamp ## download profiles over each kind of network, with every server response: APDUs, bytes, seconds, joules [ARGS="--share 10"]
	@$(BIN)/python -m tools.verify.downloads.downloads $(ARGS)

downloadcut: .venv/demo.stamp ## interrupt profile downloads at every step: is a card damaged? [ARGS="--share 20"]
	@$(BIN)/python -m tools.verify.downloads.downloadcut $(ARGS)

walk: .venv/demo.stamp ## print docs/explanation/walks.md: the files that take part in a fix, a command, a profile switch and a page
	@$(BIN)/python -m tools.walk

lab-check: .venv/demo.stamp ## compare the lab with the full simulated world on the same trips [ARGS="--days 20 --trips 5"]
	@$(BIN)/python -m tools.lab check $(ARGS)

lab: .venv/demo.stamp ## compare the scheduler with every baseline and the upper bound: out/lab/report.html [ARGS="--route FILE"]
	@$(BIN)/python -m tools.lab $(ARGS)
	@$(if $(ARGS),,$(BIN)/python -m tools.lab stress && $(BIN)/python -m tools.lab stress --held-out)

lab-digest: .venv/demo.stamp ## measure what route data from earlier trips is worth, in thin coverage: out/lab-digest.json
	@$(BIN)/python -m tools.lab digest

texts: .venv/dev.stamp ## update the translation catalogues in agent/landbridge/locale [LANGUAGE=de for a new one]
	@PYTHONPATH=.:agent $(BIN)/python -m tools.texts $(LANGUAGE)

locks: .venv/dev.stamp ## update the lock files from pyproject.toml, with hashes [UPGRADE=1]
	@sh .ci/locks.sh $(if $(filter-out 0,$(UPGRADE)),--upgrade)

.venv/bin/python:
	@$(PYTHON) .ci/check_python.py
	@echo "setting up .venv, once"
	@$(PYTHON) -m venv .venv

.venv/demo.stamp: .venv/bin/python .ci/lock-demo.txt pyproject.toml
	@$(LOCKED) -r .ci/lock-demo.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

.venv/flash.stamp: .venv/demo.stamp .ci/lock-flash.txt
	@$(LOCKED) -r .ci/lock-flash.txt
	@touch $@

.venv/bench.stamp: .venv/demo.stamp .ci/lock-bench.txt
	@$(LOCKED) -r .ci/lock-bench.txt
	@touch $@

.venv/dev.stamp: .venv/demo.stamp .ci/lock-dev.txt
	@$(LOCKED) -r .ci/lock-dev.txt
	@touch $@

typings/lint.stamp: .venv/bin/python .ci/lock-typings.txt
	@$(LOCKED) --upgrade --target typings -r .ci/lock-typings.txt
	@touch $@

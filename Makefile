# Everything runs in a local environment that this file makes; nothing else has to be prepared.
# Each Python has an environment of its own: the first lives in .venv, and one of another version that is named with
# PYTHON=… in .venv-3.13 and the like.
ifeq ($(origin PYTHON),undefined)
PYTHON := python3
VENV   := .venv
else
VERSION := import sys; print("%d.%d" % sys.version_info[:2])
NAMED   := $(shell $(PYTHON) -c '$(VERSION)')
FIRST   := $(shell .venv/bin/python -c '$(VERSION)' 2>/dev/null)
VENV    := .venv$(addprefix -,$(if $(FIRST),$(filter-out $(FIRST),$(NAMED))))
endif
BIN     := $(VENV)/bin

.PHONY: demo test lint check package npm crash live replays stalls proof docs clean

# A demo needs less than the tests, so it does not wait for them to be installed.
demo: $(or $(wildcard $(VENV)/.installed),$(VENV)/.runs)
	$(BIN)/migrate-cli demo

# Half as many again as there are cores, since many tests wait for a server that is silent.
WORKERS = $(shell $(PYTHON) -c 'import os; print(os.cpu_count() * 3 // 2 or 1)')

# Compiled first: many tests start the program as a process of its own, and none of these should do it again.
test: $(VENV)/.installed
	$(BIN)/python -m compileall -q migrate_cli
	$(BIN)/python -m pytest -n $(WORKERS)

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/house.py

check: test lint

# Wheel and sdist, each installed into an empty environment and tried there.
package: $(VENV)/.installed
	rm -rf dist
	$(BIN)/python -m hatchling build
	.ci/try-packages

# The packages of npm that the tests of generated TypeScript use; without them these tests are skipped.
npm:
	npm install --prefix tests/npm --no-package-lock --no-audit --no-fund

# The real program, killed again and again against a misbehaving sandbox, then compared with the source.
crash: $(VENV)/.installed
	cd tests && ../$(BIN)/python -m support.crash --kills $(or $(KILLS),200)

# A live host, migrated under faults and kills, verified, saved, and migrated again from what was saved.
live: $(VENV)/.installed
	cd tests && ../$(BIN)/python -m support.live --threads $(or $(THREADS),2000) --kills $(or $(KILLS),5)

# A suite replayed under latency, broken streams and kills: verdicts, conversations and copies compared afterwards.
replays: $(VENV)/.installed
	cd tests && ../$(BIN)/python -m support.replays --cases $(or $(CASES),200) --kills $(or $(KILLS),5)

# Every command against every kind of stall; fills the table in docs/reliability.md.
stalls: $(VENV)/.installed
	cd tools && ../$(BIN)/python -m stalls --keep ../docs/reliability.md

# All figures of docs/reliability.md: enumerated faults, kills, pace.
proof: $(VENV)/.installed
	cd tests && ../$(BIN)/python -m support.proof --kills $(or $(KILLS),200)

# How fast it is, side by side with other ways; fills docs/performance.md. Takes about half an hour on a calm machine.
bench: $(VENV)/.installed
	cd tools && ../$(BIN)/python -m bench --keep ../docs; status=$$?; cd .. && $(BIN)/python tools/docs.py && exit $$status

# The same, smaller, in under two minutes; keeps nothing.
bench-quick: $(VENV)/.installed
	cd tools && ../$(BIN)/python -m bench --quick

# The parts of README and docs that are made from the code.
docs: $(VENV)/.installed
	$(BIN)/python tools/docs.py

# Not quietly: it takes a minute or two, in which pip says what it is doing.
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off

define environment
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "migrate-cli needs Python 3.11 or newer; name one with: make PYTHON=python3.12")'
	@echo "Installing into $(VENV), which takes a minute or two."
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --upgrade 'pip>=25.1'
endef

$(VENV)/.runs: pyproject.toml
	$(environment)
	$(INSTALL) --editable .
	touch $@

$(VENV)/.installed: pyproject.toml
	$(environment)
	$(INSTALL) --editable . --group dev
	touch $@

clean:
	rm -rf .venv .venv-* build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

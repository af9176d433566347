# From Strides to Masks. Two commands: make lab, make test. Bare make lists them all.
# make test VENV=/a/venv uses another environment; make lab PYTHON=/a/python3.12 makes it with another Python.

VENV ?= .venv
PYTHON ?=
LESSON ?=
FILE ?=
SINCE ?= HEAD

PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
HOOK := --jaxtyping-packages=lessons_lib,beartype.beartype
RUN_TESTS := $(PY) -m pytest -q
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The stamp holds the folder that was installed from: a course that was moved or renamed is installed again.
ifneq ($(shell cat "$(STAMP)" 2>/dev/null),$(CURDIR))
MOVED := moved
endif

# Runs one step of the tests, and says how long it took.
timed = @echo "=== $(1)"; start=$$(date +%s); $(2) || { echo "✗ $(1) failed"; exit 1; }; \
	echo "✓ $(1): $$(( $$(date +%s) - start )) s"

.PHONY: help lab test check lint types unit errors notebooks browser screenshots lessons bench gpu mutants checkpoints site format reset moved
.NOTPARALLEL:

help:
	@echo "make lab              open the course in JupyterLab (installs it first where needed)"
	@echo "make test             check everything: style, unit tests, notebooks, browser"
	@echo "make check            the everyday part: style, types, the unit tests of what changed (SINCE=a revision; HEAD)"
	@echo "make lessons          run all notebooks again, in place, and clean them"
	@echo "make bench            run every benchmark"
	@echo "make gpu              test, time and train on this machine's GPU, 8 minutes; installs nothing"
	@echo "make mutants FILE=…   change FILE in small ways, and list the changes that no test notices"
	@echo "make checkpoints      train the shipped checkpoints again, and measure them; can be stopped and given again"
	@echo "make site             build the course's site into build/website/html, laboratories and PDF included"
	@echo "make format           format the code, notebooks too"
	@echo "make reset LESSON=04  give one lesson back as shipped; yours is kept aside"

lab: $(STAMP)
	@$(PY) -m lessons_lib lab

test: lint types unit errors notebooks browser
	@echo "=== all tests passed"

lint: $(STAMP)
	$(call timed,style,$(PY) -m ruff check -q && $(PY) -m ruff format --check -q)

types: $(STAMP)
	$(call timed,types,$(PY) -m mypy)

check: lint types
	$(call timed,tests of what changed since $(SINCE),$(RUN_TESTS) -n 2 $(HOOK) $$($(PY) -m tests.changed $(SINCE)))

unit: $(STAMP)
	$(call timed,unit tests,$(RUN_TESTS) -n 2 $(HOOK) tests --ignore tests/errors --ignore tests/notebooks --ignore tests/browser)

errors: $(STAMP)
	$(call timed,error messages,$(RUN_TESTS) tests/errors)

notebooks: $(STAMP)
	$(call timed,notebooks,$(RUN_TESTS) -n 2 --maxschedchunk 1 tests/notebooks)

browser: $(STAMP)
	$(call timed,browser,$(RUN_TESTS) -n 2 --maxschedchunk 1 tests/browser)

screenshots: $(STAMP)
	@$(PY) -m tests.browser.screenshots build/screenshots

lessons: $(STAMP)
	@$(PY) notebooks/refresh.py

site: $(STAMP)
	@$(PY) -m website

mutants: $(STAMP)
	@test -n "$(FILE)" || { echo "say which file: make mutants FILE=lessons_lib/ops/boxes.py"; exit 2; }
	@$(PY) -m tests.mutants $(FILE) --jobs 2

bench: $(STAMP)
	@for file in benchmarks/[a-z]*.py; do \
		name=$$(basename "$$file" .py); case "$$name" in gpu*) continue;; esac; \
		echo "=== $$name"; $(PY) -m "benchmarks.$$name" || exit 1; done

# A machine that is lent for its GPU has torch, torchvision, pytest, hypothesis and jaxtyping; more is not asked of it.
gpu:
	@$(if $(PYTHON),"$(PYTHON)",$(if $(wildcard $(PY)),$(PY),python3)) -m benchmarks.gpu

checkpoints: $(STAMP)
	@$(PY) -m lessons_lib.shipped.make

format: $(STAMP)
	@$(PY) -m ruff check --fix -q; $(PY) -m ruff format

reset: $(STAMP)
	@test -n "$(LESSON)" || { echo "say which lesson: make reset LESSON=04"; exit 2; }
	@$(PY) -m lessons_lib reset "$(LESSON)"

# The stamp is written last, so an installation that was cut off is taken up again.
$(STAMP): pyproject.toml constraints.txt $(MOVED)
	@$(PY) -m pip --version >/dev/null 2>&1 || { \
		for python in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3.14 python3 python); do \
			"$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
			echo "making $(VENV) with $$($$python --version)"; exec "$$python" -m venv "$(VENV)"; \
		done; \
		echo "No Python 3.11 or newer found (with its venv module). Install one (on Debian and Ubuntu also the"; \
		echo "package python3-venv), or say where it is: make lab PYTHON=/path/to/python3.12"; exit 1; }
	$(PY) -m pip install -c constraints.txt -e ".[dev]"
	@printf '%s\n' "$(CURDIR)" > "$(STAMP)"

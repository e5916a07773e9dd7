# What a person types here. `make setup` needs Python 3.11 or newer and the network; nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 3
PATHS = $(wildcard src tests examples benchmarks)

# uv takes the interpreter that is here and never fetches one, and asks the machine which certificates
# it trusts, as pip does.
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS := 1
# A module is compiled once, not anew in each of the many processes that the tests start.
unexport PYTHONDONTWRITEBYTECODE
UV = $(shell uv --version >/dev/null 2>&1 && echo uv || echo .uv/bin/uv)
# Where there is no uv, pip brings one, into a place of its own: in .venv, uv would remove itself.
GET_UV = test "$(UV)" = uv || test -x .uv/bin/uv || { $(PYTHON) -m venv .uv && .uv/bin/python -m pip install --quiet uv; }
# The lock is everybody's: no mirror of one machine gets into it.
PUBLIC = env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS
# On a machine where only pip was told of a certificate, uv hears of it too.
PIP_CA = $${SSL_CERT_FILE:-$${PIP_CERT:-$$($(PYTHON) -m pip config get global.cert 2>/dev/null || true)}}
WITH_CA = ca="$(PIP_CA)"; if [ -n "$$ca" ]; then export SSL_CERT_FILE="$$ca"; fi

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all chaos check fmt bench lock clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12

setup: $(READY)  ## make .venv with everything the other targets need
	@:

$(READY): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Ebbtide needs Python 3.11 or newer, and " + sys.executable + " is " + sys.version.split()[0] + ": try make setup PYTHON=python3.12")'
	@$(GET_UV)
	@echo "making $(VENV) with $(PYTHON)"
	@$(WITH_CA); $(UV) sync --quiet --frozen --python "$(PYTHON)"
	@$(WITH_CA); UV_PROJECT_ENVIRONMENT=.venvs/lambda $(UV) sync --quiet --frozen --only-group lambda --python "$(PYTHON)"
	@$(WITH_CA); UV_PROJECT_ENVIRONMENT=.venvs/async-lambda $(UV) sync --quiet --frozen --only-group async-lambda --python "$(PYTHON)"
	@$(WITH_CA); UV_PROJECT_ENVIRONMENT=.venvs/checkov $(UV) sync --quiet --frozen --only-group checkov --python "$(PYTHON)"
	@touch $@

demo: setup  ## run the photo example on an embedded queue
	$(BIN)/python examples/photos/demo.py

test: setup  ## run the tests, in random order and in parallel
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

test-all: setup  ## run the tests on every other Python found here, each in an environment of its own
	@found=; failed=; mine=$$($(BIN)/python -c 'import sys; print(sys.version_info[1])'); \
	for minor in 11 12 13 14; do \
	  test $$minor != $$mine || continue; \
	  for python in $$(command -v python3.$$minor) $$(ls -d $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.$$minor.*/bin/python 2>/dev/null); do \
	    "$$python" -c 'import sqlite3, venv' 2>/dev/null || continue; \
	    found="$$found 3.$$minor"; \
	    echo "== Python 3.$$minor"; \
	    ($(WITH_CA); UV_PROJECT_ENVIRONMENT=.venvs/3.$$minor $(UV) sync --quiet --frozen --python "$$python") || exit 1; \
	    .venvs/3.$$minor/bin/python -m pytest -n $(WORKERS) --dist loadgroup || failed="$$failed 3.$$minor"; \
	    break; \
	  done; \
	done; echo "Ran on:$${found:- no other Python found}"; test -z "$$failed" || { echo "Failed on:$$failed"; exit 1; }

chaos: setup  ## hold every row of the bar to its promise at full size (CHAOS="--seed 7 --only R1,C3")
	$(BIN)/python -m tests.bar $(CHAOS)

check: setup  ## lint, format, types, layers, security
	$(BIN)/ruff check $(PATHS)
	$(BIN)/ruff format --check $(PATHS)
	$(BIN)/mypy $(PATHS)
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml src

fmt: setup  ## put the code into its form
	$(BIN)/ruff check --fix $(PATHS)
	$(BIN)/ruff format $(PATHS)

bench: setup  ## measure beside the peers, and how it scales; on a quiet machine, half an hour (BENCH="--rounds 1")
	$(BIN)/python benchmarks/embedded.py --write benchmarks/RESULTS.md $(BENCH)
	$(BIN)/python benchmarks/scaling.py $(BENCH)

lock:  ## write uv.lock anew from pyproject.toml, keeping what need not change
	@$(GET_UV)
	@$(WITH_CA); $(PUBLIC) $(UV) lock --python "$(PYTHON)"

clean:  ## remove what these targets made
	rm -rf .venv .venvs .uv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

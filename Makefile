# Everything a developer or a CI machine does with evmesh. `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# Slow or flaky networks are retried; nothing ever waits for an answer at the keyboard.
export PIP_NO_INPUT := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP_INSTALL := umask 022 && $(BIN)/python -m pip install --quiet --retries 10 --timeout 60

# Two lock files. The core installs in a third of the time of the whole and is enough for `make demo`;
# the second is the first plus every extra that tests exercise plus the test tools. Both agree on versions.
CORE_LOCK := requirements.lock
TEST_LOCK := requirements-test.lock
TESTED_EXTRAS := einvoice pdf analytics cluster ocmf sepa xlsx test

# A stamp says which input was installed last; make compares its time with that input's.
CORE_STAMP := $(VENV)/.installed-core
TEST_STAMP := $(VENV)/.installed-test
PROJECT_STAMP := $(VENV)/.installed-project

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-test test lint format demo bench lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(CORE_STAMP) $(PROJECT_STAMP) ## Create .venv with the core and evmesh itself

setup-test: $(TEST_STAMP) $(PROJECT_STAMP) ## The same with all tested extras and the test tools

test: setup-test ## Run the tests on all cores: make test ARGS="tests/ocpi -x"
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

lint: setup-test ## Check style, types and the floors of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src
	$(BIN)/lint-imports

format: setup-test ## Sort imports and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demo: setup ## Show a whole platform at work; KEEP=1 leaves it running
	$(BIN)/evmesh demo $(if $(filter 1,$(KEEP)),--keep)

bench: setup-test ## Measure: make bench ARGS="..."
	$(BIN)/python -m bench $(ARGS)

lock: ## Resolve the lock files anew; ARGS=--upgrade takes newer versions
	@set -eu; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; "$$tools/bin/python" -m pip install --quiet uv; \
	compile() { "$$tools/bin/uv" pip compile --quiet --python-version 3.11 --no-emit-index-url --generate-hashes \
		--custom-compile-command 'make lock' --group build $(ARGS) "$$@" pyproject.toml; }; \
	compile --output-file $(CORE_LOCK); \
	compile --constraint $(CORE_LOCK) $(TESTED_EXTRAS:%=--extra %) --output-file $(TEST_LOCK)

clean: ## Remove .venv, builds and caches
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "evmesh needs Python 3.11 or newer; set PYTHON=")'
	umask 022 && $(PYTHON) -m venv $(VENV)

$(CORE_STAMP): $(CORE_LOCK) | $(VENV)/pyvenv.cfg
	$(PIP_INSTALL) --require-hashes -r $(CORE_LOCK)
	@touch $@

# The whole holds the core: the second stamp spares a later `make setup` the work.
$(TEST_STAMP): $(TEST_LOCK) $(CORE_LOCK) | $(VENV)/pyvenv.cfg
	$(PIP_INSTALL) --require-hashes -r $(TEST_LOCK)
	@touch $(CORE_STAMP) $@

# The build tools come from the lock too: without isolation pip asks nobody for anything.
$(PROJECT_STAMP): pyproject.toml | $(CORE_STAMP)
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

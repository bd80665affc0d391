# The developer's verbs. Each one sets the environment up first, from the pinned lock.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
  $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && break; done)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
ARGS   ?=

.PHONY: help install up test test-fast chaos check lint types imports format lock audit clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# The lock names every package, so pip needs to resolve nothing: --no-deps. (pip before 23.1, as Debian 12 has it,
# can't match a hash to a package that another one asks for with extras.)
$(STAMP): requirements.lock pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	  || { echo "Python 3.11, 3.12 or 3.13 is needed. Name one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up $(VENV) from requirements.lock (about a minute the first time)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) can't make virtual environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(PIP) --no-deps --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

install: $(STAMP) ## Set up the environment from the pinned lock

up: $(STAMP) ## Run the whole product here (options: make up ARGS="--port 8080")
	@exec $(BIN)/falcon-scheduler up $(ARGS)

test: $(STAMP) ## Run every test
	$(BIN)/python -m pytest --numprocesses 2 $(ARGS)

test-fast: $(STAMP) ## Run the tests that need less than two minutes
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

chaos: $(STAMP) ## Break everything at random and check every rule (options: make chaos MINUTES=60 SEED=7)
	$(BIN)/python -m tests.chaos --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

check: lint types imports test ## What CI runs: ruff, mypy --strict, import contracts, tests

format: $(STAMP) ## Format the code and mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

audit: ## Look the lock up in the database of known vulnerabilities (needs pip-audit and the internet)
	pip-audit --requirement requirements.lock --no-deps --disable-pip

lock: $(STAMP) ## Renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-header --generate-hashes \
	  --extra embedded --extra dev pyproject.toml -o requirements.lock

clean: ## Remove the environment and every cache
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

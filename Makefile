# The developer's verbs. Each one sets the environment up first, from the pinned lock.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
  $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && break; done)
VENV   := .venv
BIN    := $(VENV)/bin
LOCAL  := $(VENV)/.installed-local
DEV    := $(VENV)/.installed
DIST   := dist
PAGE   := $(VENV)/page/.installed
NODE    = $(BIN)/python -m tests.packaging.node
ARGS   ?=

.PHONY: help install up test test-fast chaos bench check lint types imports format lock audit coverage coverage-report wheel sbom release clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-15s %s\n", $$1, $$2}'

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# $(call set-up,LOCK) fills the environment from one lock. The lock names every package, so pip needs to resolve
# nothing: --no-deps. (pip before 23.1, as Debian 12 has it, can't match a hash to a package that another one asks for
# with extras.)
define set-up
@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
  || { echo "Python 3.11, 3.12 or 3.13 is needed. Name one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
@echo "Setting up $(VENV) from $(1) (about a minute the first time)"
@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
  echo "$(PYTHON) can't make virtual environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
@$(PIP) --no-deps --require-hashes -r $(1)
@$(PIP) --no-deps --no-build-isolation --editable .
endef

# The development lock holds the whole local one with the same pins, so what it sets up is good for `make up` too.
$(LOCAL): requirements-local.lock pyproject.toml
	$(call set-up,$<)
	@touch $(LOCAL)

$(DEV): requirements-dev.lock pyproject.toml
	$(call set-up,$<)
	@touch $(LOCAL) $(DEV)

# What checks the types of web/, pinned by the digests in its lock.
$(PAGE): $(DEV) web/package.json web/package-lock.json
	@mkdir -p $(@D)
	@cp web/package.json web/package-lock.json $(@D)
	@$(NODE) npm ci --prefix $(@D) --loglevel error --no-audit --no-fund --ignore-scripts
	@touch $@

install: $(DEV) ## Set up the environment with every tool (make up alone needs fewer)

up: $(LOCAL) ## Run the whole product here (options: make up ARGS="--port 8080")
	@exec $(BIN)/falcon-scheduler up $(ARGS)

test: $(DEV) ## Run every test
	$(BIN)/python -m pytest --numprocesses 3 $(ARGS)

test-fast: $(DEV) ## Run the tests that need less than two minutes
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

chaos: $(DEV) ## Break everything at random and check every rule (options: make chaos MINUTES=60 SEED=7)
	$(BIN)/python -m tests.chaos --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

bench: $(DEV) ## Measure costs in a minute, beside the stored ones (options: make bench ARGS=--store)
	$(BIN)/python -m benchmarks.short $(ARGS)

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV) $(PAGE)
	$(BIN)/mypy
	$(NODE) node $(VENV)/page/node_modules/typescript/bin/tsc -p web

imports: $(DEV)
	$(BIN)/lint-imports

coverage: $(DEV) ## Run every test with branch coverage of all processes, and check the floors
	@rm -rf .coverage && mkdir .coverage
	$(BIN)/coverage run -m pytest --numprocesses 3 $(ARGS)
	@$(MAKE) --no-print-directory coverage-report

# `make coverage-report` alone shows again what the last run missed: lines here, pages in .coverage/html.
coverage-report: $(DEV)
	@if ls .coverage/data.* >/dev/null 2>&1; then $(BIN)/coverage combine --quiet; fi
	@$(BIN)/coverage html --quiet
	$(BIN)/coverage report --include 'core/*' --fail-under 95
	$(BIN)/coverage report --omit 'core/*' --fail-under 90

check: lint types imports coverage ## What a change must pass: ruff, mypy --strict, import contracts, tests with coverage

format: $(DEV) ## Format the code and mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

audit: ## Look the locks up in the database of known vulnerabilities (needs pip-audit and the internet)
	pip-audit --requirement requirements-dev.lock --no-deps --disable-pip

# Each smaller lock starts as a copy of the largest, whose pins uv keeps: all agree.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --generate-hashes
lock: ## Compile the locks from pyproject.toml (needs uv; make lock ARGS=--upgrade raises the pins)
	$(COMPILE) $(ARGS) --extra shared --extra embedded --group build --extra dev pyproject.toml -o requirements-dev.lock
	cp requirements-dev.lock requirements-local.lock
	$(COMPILE) --extra shared --extra embedded --group build pyproject.toml -o requirements-local.lock
	cp requirements-dev.lock requirements.lock
	$(COMPILE) --extra shared pyproject.toml -o requirements.lock
	cp requirements-dev.lock requirements-build.lock
	$(COMPILE) --group build -o requirements-build.lock

wheel: $(DEV) ## Build the wheel into dist/
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir $(DIST) .

# The parts of the product as its containers hold them; the same lock gives the same file. cyclonedx-py reads the version
# from pyproject.toml, which leaves it to falcon_scheduler/__init__.py. No registry's address is in the file: the hashes of
# a part are listed under its package URL, and the links to the pages of the tool are removed.
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' falcon_scheduler/__init__.py)
SBOM = $(DIST)/falcon-scheduler-$(VERSION).cdx.json
sbom: $(DEV) ## Write the parts of a release (CycloneDX) into dist/, from the lock, without network
	@mkdir -p $(DIST)
	@sed 's/^dynamic = \["version"\].*/version = "$(VERSION)"/' pyproject.toml > $(DIST)/pyproject.toml
	$(BIN)/cyclonedx-py requirements requirements.lock --pyproject $(DIST)/pyproject.toml --index-url pkg:pypi \
	  --output-reproducible --output-file $(SBOM)
	@$(BIN)/python -c 'import json, sys; path = sys.argv[1]; bom = json.load(open(path)); \
	  [tool.pop("externalReferences", None) for tool in bom["metadata"]["tools"]["components"]]; \
	  json.dump(bom, open(path, "w"), indent=2)' $(SBOM)
	@rm $(DIST)/pyproject.toml

release: wheel sbom ## Build all that a release consists of into dist/

clean: ## Remove the environment and every cache
	rm -rf $(VENV) $(DIST) .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis

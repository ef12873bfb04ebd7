# The only commands that anybody needs. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install -qq --no-input --progress-bar off
LOCKED := $(PIP) --require-hashes --only-binary :all:
UV     := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
STAMP  := $(VENV)/.installed
PAGES  := src/voiceagent/page_dist/index.html
NODE   := dashboard/node_modules/.package-lock.json

# A checkout keeps its data and models to itself; both may be set to another place.
export VOICEAGENT_DATA__DIR   ?= $(CURDIR)/.data
export VOICEAGENT_MODELS__DIR ?= $(CURDIR)/.cache/models

.PHONY: help run demo dashboard api models test check fix bench lock sbom

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: models pages ## install, fetch the models, start the platform; Ctrl-C drains and stops
	@exec $(BIN)/voiceagent up $(ARGS)

demo: models ## the same, then ask a recorded question, print what happened, stop
	@exec $(BIN)/voiceagent demo demo/question.flac --output reply.wav $(ARGS)

dashboard: $(PAGES) ## build the dashboard, which the platform then serves (needs Node 20.19 or newer)
	@:

api: $(STAMP)-test ## describe the gateway's API anew, and make the dashboard's types from it
	$(BIN)/python -m tests.support.public_api dashboard/openapi.json
	@cd dashboard && npm run --silent api

models: $(STAMP)-core
	@$(BIN)/voiceagent models pull

test: $(STAMP)-test pages ## every test; names what it skips and why
	@$(BIN)/voiceagent models pull || echo "some models are missing: tests that need them are skipped" >&2
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(STAMP)-test ## style, types, import contracts, architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q tests/arch

fix: $(STAMP)-test ## put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)-bench ## measure: latency beside a peer, accuracy, overheads; prints figures and ratios
	@for run in bench/*/run.py bench/latency/barge_in.py; do echo "== $$run"; PYTHONPATH=. $(BIN)/python "$$run" $(ARGS) || exit 1; done
	@echo "== bench.llm"; $(BIN)/python -m bench.llm $(ARGS)

sbom: ## write voiceagent.cdx.json: every package, model and digest, by the locks (CycloneDX)
	$(PYTHON) supply/sbom.py voiceagent.cdx.json

lock: $(STAMP)-core ## choose versions and write requirements/*.txt with their hashes
	$(PIP) uv==0.13.9
	$(UV) pyproject.toml -o requirements/core.txt
	$(UV) --group build -c requirements/core.txt -o requirements/build.txt
	$(UV) pyproject.toml --extra test --extra distributed -c requirements/core.txt -o requirements/test.txt
	$(UV) pyproject.toml --extra distributed -c requirements/test.txt -o requirements/distributed.txt
	$(UV) pyproject.toml --extra bench -c requirements/test.txt -o requirements/bench.txt
	$(UV) pyproject.toml --extra transformers -c requirements/test.txt -o requirements/transformers.txt

# --- the environment: each stamp is as new as what was installed --------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
	  echo "voiceagent needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	    "Install one and run: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	@echo "creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { echo "cannot create $(VENV): on Debian and Ubuntu, apt install python3-venv" >&2; exit 2; }

.PHONY: pages
pages:
	@command -v npm >/dev/null && $(MAKE) --no-print-directory dashboard || echo "the dashboard is not built (it needs Node 20.19 or newer): the plain talk page is served" >&2

$(NODE): dashboard/package.json dashboard/package-lock.json dashboard/.npmrc
	@echo "installing what the dashboard is built with (checked against dashboard/package-lock.json)"
	@cd dashboard && npm ci --no-progress --loglevel error
	@touch $@

$(PAGES): $(NODE) dashboard/index.html dashboard/vite.config.ts dashboard/tsconfig.json $(shell find dashboard/src dashboard/public -type f)
	@echo "building the dashboard"
	@cd dashboard && npm run --silent build
	@touch $@

$(STAMP)-core: requirements/core.txt requirements/build.txt pyproject.toml | $(BIN)/python
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip --default-pip >/dev/null
	@echo "installing voiceagent and what it needs (checked against requirements/core.txt)"
	@$(LOCKED) -r requirements/core.txt -r requirements/build.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMP)-test: requirements/test.txt $(STAMP)-core
	@echo "installing what the tests need (checked against requirements/test.txt)"
	@$(LOCKED) -r requirements/test.txt
	@touch $@

$(STAMP)-bench: requirements/bench.txt $(STAMP)-test
	@$(LOCKED) -r requirements/bench.txt
	@touch $@

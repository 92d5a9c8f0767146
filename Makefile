# `make run` and `make test` set up what they need. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := tests/requirements.lock
PIN = $(BIN)/uv pip compile -q --no-annotate --no-header --no-emit-index-url --generate-hashes
IMAGE := --python-version 3.13 --python-platform linux
NPM := tests/setup/npm $(VENV) --silent --prefix clients/typescript

.DEFAULT_GOAL := help
.PHONY: help run test proof soak bench lint format demo lock schema clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: $(VENV)/.run ## Serve the demo at http://127.0.0.1:8787/
	$(BIN)/presence-server demo

test: $(VENV)/.test ## Run every check and every test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(NPM) run check
	$(NPM) test
	$(BIN)/pytest -m "alone and not proof"
	$(BIN)/pytest -n 3 --dist loadgroup -m "not alone and not proof"

proof: $(VENV)/.test ## Run what takes long: put known failures back, fuzz, break things
	$(BIN)/pytest -m "alone and proof"
	$(BIN)/pytest -n 2 --dist loadgroup -m "not alone and proof"

soak: $(VENV)/.test ## Run what takes long at full length
	SOAK=full $(BIN)/pytest -m soak --timeout 3600

bench: $(VENV)/.test ## Measure this machine and print the table (history's: tests/bench/README.md)
	$(BIN)/python -m tests.bench

lint: $(VENV)/.test ## Lint and type-check
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(NPM) run check

format: $(VENV)/.test ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(NPM) run format

demo: $(VENV)/.test ## Build the demo page from clients/typescript/demo
	$(NPM) run build
	$(NPM) run demo

schema: $(VENV)/.test ## Write protocol/schema from the message types
	$(BIN)/python -m tests.support.schema protocol/schema

lock: $(VENV)/.run ## Pin what development, tests and the container use
	$(BIN)/pip install -q uv
	$(PIN) --python-version 3.11 --universal --group dev pyproject.toml -o $(LOCK)
	$(PIN) $(IMAGE) --extra postgresql -c $(LOCK) pyproject.toml -o deploy/container/requirements.lock
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
		| $(PIN) $(IMAGE) -c $(LOCK) - -o deploy/container/build.lock

clean: ## Remove what the targets above made
	rm -rf $(VENV) clients/typescript/dist clients/typescript/node_modules clients/typescript/tests/react-18/node_modules tests/bench/build tests/bench/references/node_modules

$(BIN)/python:
	tests/setup/venv $(PYTHON) $(VENV)

$(VENV)/.run: pyproject.toml | $(BIN)/python
	$(BIN)/pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test: pyproject.toml $(LOCK) clients/typescript/package-lock.json tests/setup/debian tests/setup/node | $(BIN)/python
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r $(LOCK)
	$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	tests/setup/debian
	tests/setup/node $(VENV)
	@touch $@ $(VENV)/.run

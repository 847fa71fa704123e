# Everything happens in the project's folder; only uv keeps a cache elsewhere.
# Needs: make, Python 3.11 or newer, a package index.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$p" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# uv does not read pip's configuration; hand it the index pip would use, if one is configured.
INDEX = $(or $(PIP_INDEX_URL),$(shell $(BIN)/pip config get global.index-url 2>/dev/null))
UV = $(if $(INDEX),UV_DEFAULT_INDEX="$(INDEX)") UV_LINK_MODE=copy $(BIN)/uv
LAKE ?= demo

.DEFAULT_GOAL := help
.PHONY: help install demo test faults check fmt lint types contracts bench docs httpfs site screenshots superset superset-test superset-screenshots lock clean

help: ## show this
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

.venv/.uv: requirements/uv.lock
	@test -n "$(PYTHON)" || { echo "Perpmill needs Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
	@touch $@

# uv is fast; where it cannot reach the index but pip can, pip installs the same lock.
define install_lock
	@echo "installing $(1) into .venv"
	@$(UV) pip install --quiet --require-hashes --python $(BIN)/python -r requirements/$(1) || \
		$(BIN)/pip install --quiet --require-hashes -r requirements/$(1)
	@$(UV) pip install --quiet --no-deps --no-build-isolation --offline --python $(BIN)/python -e .
endef

.venv/.run: .venv/.uv requirements/run.lock pyproject.toml
	$(call install_lock,run.lock)
	@touch $@

.venv/.dev: .venv/.uv requirements/dev.lock pyproject.toml
	$(call install_lock,dev.lock)
	@touch .venv/.run $@

install: .venv/.run ## make .venv with what Perpmill needs to run

demo: .venv/.run ## simulate January 2021, mill it night by night, publish, and show it
	@$(BIN)/python -m flows.demo $(LAKE)

test: .venv/.dev ## lint, types, import contracts and all tests
	@$(MAKE) --no-print-directory lint types contracts
	@# Reordered, files of few but long tests would come last, and one core wait for the other.
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

faults: .venv/.dev ## run the catalogue of injected faults (docs/faults.md); some ten minutes
	@$(BIN)/pytest tests/faults -n auto --dist loadfile

check: test ## the same as CI

lint: .venv/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/.dev
	@$(BIN)/mypy

contracts: .venv/.dev
	@$(BIN)/lint-imports --no-cache

fmt: .venv/.dev ## format and fix what can be fixed
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.venv/.bench: .venv/.run requirements/bench.lock
	$(call install_lock,bench.lock)
	@touch $@

bench: .venv/.bench ## time the mill against scripts and against itself; BENCH="--only transform" for a part
	@$(BIN)/python -m benchmarks $(BENCH)

docs: .venv/.run ## write the data dictionary, the venues, the data contracts, the cookbook and the report's schema from what they describe
	@$(BIN)/python -m flows.dictionary docs
	@$(BIN)/python -m flows.exports.contracts docs/contracts
	@$(BIN)/python -m flows.queries docs/cookbook.md
	@$(BIN)/python -m flows.report.content docs/report.schema.json
	@$(BIN)/python -m bi.superset.write

# DuckDB and its extension httpfs, which comes one release after it: the test of ATTACH 's3://…'.
httpfs: .venv/.uv requirements/httpfs.lock ## make .venv-httpfs, for the test that attaches a build in a bucket
	@$(PYTHON) -m venv .venv-httpfs
	@$(UV) pip install --quiet --require-hashes --python .venv-httpfs/bin/python -r requirements/httpfs.lock || \
		.venv-httpfs/bin/pip install --quiet --require-hashes -r requirements/httpfs.lock

.venv-docs/.done: .venv/.uv requirements/docs.lock
	@$(PYTHON) -m venv .venv-docs
	@$(UV) pip install --quiet --require-hashes --python .venv-docs/bin/python -r requirements/docs.lock || \
		.venv-docs/bin/pip install --quiet --require-hashes -r requirements/docs.lock
	@touch $@

site: .venv-docs/.done ## the documentation as a site in site/, built strictly; opens without a server
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

screenshots: .venv/.dev ## take docs/images anew from the demo's lake; needs Chromium
	@$(BIN)/python -m tests.report.screenshots $(LAKE)

# Superset wants another SQLAlchemy than the mill, so it has an environment of its own.
.venv-superset/.done: .venv/.uv bi/superset/requirements.lock
	@echo "installing Superset into .venv-superset (700 MB)"
	@$(PYTHON) -m venv .venv-superset
	@$(UV) pip install --quiet --require-hashes --python .venv-superset/bin/python \
		-r bi/superset/requirements.lock || \
		.venv-superset/bin/pip install --quiet --require-hashes -r bi/superset/requirements.lock
	@touch $@

superset: .venv/.run .venv-superset/.done ## show the lake's published build in Superset, until Ctrl-C (docs/bi.md)
	@$(BIN)/python -m bi.superset.up $(LAKE)

superset-test: .venv/.dev .venv-superset/.done ## test the dashboard in Chromium while builds are published under it
	@$(BIN)/pytest tests/bi

superset-screenshots: .venv/.dev .venv-superset/.done ## take docs/images/superset* anew from the demo's lake; needs Chromium
	@$(BIN)/python -m tests.bi.screenshots $(LAKE)

lock: .venv/.uv ## resolve the newest versions that work together
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --upgrade pyproject.toml --group build -o requirements/run.lock
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' pyproject.toml --all-extras --group build --group dev \
		-c requirements/run.lock -o requirements/dev.lock
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --upgrade --group bench -c requirements/run.lock \
		-o requirements/bench.lock
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --upgrade --group docs -o requirements/docs.lock
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --upgrade --group httpfs -o requirements/httpfs.lock
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --upgrade bi/superset/requirements.in \
		-o bi/superset/requirements.lock
	@echo 'uv' | $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --custom-compile-command 'make lock' - -o requirements/uv.lock

clean: ## remove what make made
	@rm -rf .venv .venv-docs .venv-httpfs .venv-superset site demo .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info

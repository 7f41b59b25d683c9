# Every target creates or refreshes .venv from the requirements first: a fresh clone needs nothing else.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run check test test-versions test-real lint docs fuzz bench bench-real bench-analysis soak venv venv-real clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/'

.venv/.installed: requirements.txt requirements-dev.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing requirements into .venv (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -e .
	@touch $@

.venv/.installed-real: .venv/.installed requirements-real.txt
	@echo "Installing what tests/real needs into .venv (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-real.txt -e .
	@$(BIN)/python -m pip check
	@touch $@

venv: .venv/.installed ## create or refresh .venv

venv-real: .venv/.installed-real ## the same, with the libraries of tests/real

run: venv ## load-test the reference target: 100 users, 60 s, verdict and report
	@$(BIN)/locust --headless --users 100 --spawn-rate 25 --run-time 60s --only-summary

check: lint ## lint, and the tests that need no processes: under two minutes
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

# The fast tests fill what processor time real runs leave, a third; at a low priority, as runs are judged by delays.
test: venv ## the whole test suite: those that need real time, and beside them the fast ones
	@fast=$$(mktemp); $(BIN)/python -m pytest --give-way --timeout 900 -m "not slow" >$$fast 2>&1 & beside=$$!; \
	trap 'kill $$beside 2>/dev/null; rm -f $$fast' EXIT; trap 'exit 130' INT TERM; \
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow; slow=$$?; \
	wait $$beside; code=$$?; cat $$fast; exit $$((slow ? slow : code))

test-versions: venv ## the fast tests, and CPython's of asyncio, on the other Pythons there are (3.12, 3.13)
	@for version in 3.12 3.13; do \
		python=$$(ls -d $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version.*/bin/python 2>/dev/null | tail -n 1); \
		python=$${python:-$$(command -v python$$version || true)}; \
		if [ -z "$$python" ] || ! $$python -c '' 2>/dev/null; then echo "Python $$version is not here: left out"; continue; fi; \
		echo "Python $$version: $$python"; \
		test -x .venv-$$version/bin/python || $$python -m venv .venv-$$version || exit 1; \
		.venv-$$version/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -e . || exit 1; \
		.venv-$$version/bin/python -m pytest -n 2 --dist worksteal -m "not slow" || exit 1; \
		.venv-$$version/bin/python -m pytest tests/harness/loop/test_cpython_asyncio.py || exit 1; \
	done

test-real: venv-real ## pipelines of real software (httpx, openai, LangGraph, redis, gRPC, ...) in the harness
	@cd tests/real && ../../$(BIN)/mypy --strict --package model_server
	@$(BIN)/python -m pytest -n 2 --dist worksteal tests/real

lint: venv ## ruff, mypy --strict, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@cd benchmarks && ../$(BIN)/mypy --config-file= --cache-dir=../.mypy_cache --check-untyped-defs --ignore-missing-imports --exclude real.py .
	@$(BIN)/lint-imports

docs: venv ## what checkers, fault kinds and columns say of themselves, into docs/
	@$(BIN)/python -m scripts.checker_pages
	@$(BIN)/python -m scripts.document_kinds
	@$(BIN)/python -m scripts.describe_columns

fuzz: venv ## 10,000 inputs for every reader of files (ROUTESWARM_FUZZ=N for another number)
	@ROUTESWARM_FUZZ=$(or $(ROUTESWARM_FUZZ),10000) $(BIN)/python -m pytest tests/fuzz -n 2 --dist worksteal --durations=0

bench: venv ## speed and memory, as ratios measured side by side
	@missed=0; for bench in bridge breakdown chain breaker scaling memory; do \
		$(BIN)/python benchmarks/$$bench.py || missed=1; \
	done; exit $$missed

bench-real: venv-real ## real software by plain asyncio and by Locust, side by side (ROWS="httpx grpc" for some)
	@$(BIN)/python benchmarks/real.py $(ROWS)

soak: venv ## ten minutes at full speed: memory stays flat, the history is complete
	@$(BIN)/python benchmarks/soak.py

bench-analysis: venv ## reports of 1,000,000 operations: time and memory (OPERATIONS=10000000 for more)
	@$(BIN)/python benchmarks/analysis_at_scale.py --operations $(or $(OPERATIONS),1000000) --figures

clean: ## remove what the other targets made, but not results
	@rm -rf .venv .venv-* build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

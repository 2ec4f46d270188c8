# Needs make and Python 3.11 or newer, nothing else: the rest goes into .venv, once. `make help` lists what there is.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test examples check format bench bench-peers nightly fuzz docs runtime dev clean

# The newest Python that works here; another one: make PYTHON=/path/to/python
PYTHON = $(shell sh .ci/python)
BIN := .venv/bin
JOBS ?= 2
# Seeds of a night
SEEDS ?= 20000
# Seconds of fuzzing, divided among the readers
FUZZ_SECONDS ?= 720
PYTHON_FILES := src tests examples benchmarks .ci $(wildcard docs/*.py)

help:
	@echo "make demo      a strategy trades on a recorded Binance feed, through real sockets, no keys (under a minute)"
	@echo "make test      every example and the whole test suite"
	@echo "make check     format, lint, types, and who may import whom"
	@echo "make format    let the formatter have its way"
	@echo "make bench     throughput and latency beside other clients, as ratios"
	@echo "make nightly   the tests that take longer than a pull request may"
	@echo "make fuzz      every reader of what others wrote, fed with what is nearly right"
	@echo "make docs      draw again what is generated from the code"
	@echo "make clean     remove .venv and caches"

runtime:
	@python="$(PYTHON)"; [ -n "$$python" ] && "$$python" .ci/venv.py runtime

dev:
	@python="$(PYTHON)"; [ -n "$$python" ] && "$$python" .ci/venv.py dev

demo: runtime
	@$(BIN)/tickwright demo $(ARGS)

examples: dev
	@sh .ci/examples $(BIN)/tickwright

test: dev examples
	@echo "running the test suite"
	@$(BIN)/python -m pytest -n $(JOBS) -m "not nightly" $(ARGS)

check: dev
	@echo "format" && $(BIN)/ruff format --check --quiet $(PYTHON_FILES)
	@echo "lint" && $(BIN)/ruff check --quiet $(PYTHON_FILES)
	@echo "types" && $(BIN)/mypy --no-error-summary
	@echo "imports" && $(BIN)/lint-imports

format: dev
	@$(BIN)/ruff check --fix-only --quiet $(PYTHON_FILES) && $(BIN)/ruff format $(PYTHON_FILES)

bench: dev bench-peers
	@$(BIN)/python benchmarks/run.py $(ARGS)
	@$(BIN)/python benchmarks/backtest.py

bench-peers: dev
	@$(BIN)/python benchmarks/peers.py

fuzz: dev
	@$(BIN)/python tests/fuzz/run.py --seconds $(FUZZ_SECONDS) $(ARGS)

nightly: dev fuzz
	@TICKWRIGHT_HYPOTHESIS=nightly $(BIN)/python -m pytest -n $(JOBS) $(ARGS)
	@$(BIN)/tickwright world --seeds $(SEEDS) --json > .night-world.json
	@$(BIN)/python .ci/evidence.py .night-world.json "176 of 176" "passed" && rm .night-world.json

docs: dev
	@for script in docs/make_*.py; do echo "$$script"; $(BIN)/python "$$script" || exit 1; done

clean:
	@rm -rf .venv .venv-peers build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .fuzz
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

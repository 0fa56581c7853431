# The two commands: `make study` and `make test`. Both make the environment first.

PYTHON ?= python3
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)
TEST_PROCESSES ?= 2
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)

.PHONY: study test bench findings check fix base clean

study: .venv/installed
	$(BIN)/synthscale run study=quick
	$(BIN)/synthscale report runs/quick

test: .venv/installed
	$(BIN)/pytest --numprocesses $(TEST_PROCESSES) --dist loadfile

# Speed beside what a user would take instead, and what a pit costs in rollouts: tables, figures and numbers in
# analysis/results/speed and analysis/results/credit_search.
bench: .venv/bench
	$(BIN)/python analysis/benchmarks/speed.py
	$(BIN)/python analysis/benchmarks/credit_search.py
	$(BIN)/python analysis/benchmarks/credit_lengths.py

# Every figure and table of the findings, from the records in analysis/results alone.
findings: .venv/installed
	$(BIN)/python -m synthscale_analysis.findings

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Rebuilds the base policy that ships inside the package.
base: .venv/installed
	$(BIN)/synthscale run stage=pretrain runs_dir=runs/base
	rm -rf src/synthscale/policy/base
	mkdir -p src/synthscale/policy/base
	cp -r runs/base/artifacts/pretrain-* src/synthscale/policy/base/

clean:
	rm -rf .venv runs

.venv/installed: pyproject.toml constraints.txt
ifdef UV
	uv venv --quiet --allow-existing --python $(PYTHON) .venv
	uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[dev]'
else
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
endif
	touch $@

.venv/bench: .venv/installed
ifdef UV
	uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[bench]'
else
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
endif
	touch $@

# cmp-batch: the targets that people use. `make quickstart` shows it at work; `make test` is what CI runs.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: help quickstart test check bench docs clean

help:
	@echo "make quickstart   install into .venv, and apply manifests/quickstart.yaml with the lab CA"
	@echo "make test         check, then all tests"
	@echo "make check        formatting, lint, types, floors"
	@echo "make bench        measure enrolments a second, and plans of many rows"
	@echo "make docs         build the documentation into site/"
	@echo "make clean        remove what was built or written here"

quickstart: .venv/.runtime
	$(BIN)/cmp-batch apply --yes manifests/quickstart.yaml

test: check
	$(BIN)/pytest -n auto

check: .venv/.dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.dev
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/plan.py

docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf .venv build dist site htmlcov .coverage manifests/.cmp-batch manifests/out
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# The stamps say what .venv holds, so that nothing is installed twice.
.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.runtime: pyproject.toml | .venv/bin/python
	$(PIP) install --editable .
	@touch $@

# Dependency groups need pip 25.1; Debian 12 brings 23.0.
.venv/.dev: pyproject.toml | .venv/bin/python
	$(PIP) install --upgrade "pip>=25.1"
	$(PIP) install --editable . --group dev
	@touch $@ .venv/.runtime

.venv/.docs: pyproject.toml | .venv/bin/python
	$(PIP) install --upgrade "pip>=25.1"
	$(PIP) install --editable . --group docs
	@touch $@ .venv/.runtime

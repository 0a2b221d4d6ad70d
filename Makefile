# `make` lists the targets. Nothing is installed outside .venv, except Debian's Graphviz and Chromium when run as root.
PYTHON ?= python3
# Set TORCH_INDEX to PyTorch's CPU index where the default one would bring gigabytes of CUDA.
TORCH_INDEX ?=

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready
PIP   := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.PHONY: help setup graphviz chromium demo test test-all soundness docs lint format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

setup: $(READY) graphviz ## make .venv, with every version pinned

# torch goes first and alone: resolved together with the rest, it may come as another build.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) "$$(grep '^torch==' constraints.txt)"
	$(PIP) -e '.[demo,dev]'
	@touch $@

# Diagrams want `dot`: Debian's if we may install it, else the wheel that carries Graphviz's libraries.
graphviz: $(READY)
	@command -v dot >/dev/null || $(BIN)/python -c 'import pygraphviz' 2>/dev/null \
	  || { $(DEBIAN_GRAPHVIZ); } || $(PIP) pygraphviz \
	  || echo 'Graphviz is missing and could not be installed: all but the diagrams will work'

DEBIAN_GRAPHVIZ = [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && export DEBIAN_FRONTEND=noninteractive \
  && apt-get update -qq && apt-get install -qqy graphviz >/dev/null \
  && { apt-get install -qqy fonts-inter >/dev/null || true; }

# Tests that look at pages want a browser; without one they are skipped, and say so.
chromium:
	@command -v chromium >/dev/null || { $(DEBIAN_CHROMIUM); } \
	  || echo 'Chromium is missing and could not be installed: tests that look at pages will be skipped'

DEBIAN_CHROMIUM = [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && export DEBIAN_FRONTEND=noninteractive \
  && { apt-get install -qqy --no-install-recommends chromium >/dev/null 2>&1 \
    || { apt-get update -qq && apt-get install -qqy --no-install-recommends chromium >/dev/null; }; }

demo: setup ## check, draw, compile and train a small model
	$(BIN)/python -m compiler.demo

test: lint chromium ## lint, check types, run the quick tests
	$(BIN)/pytest -m "not slow"

test-all: lint chromium ## the same with the slow tests
	$(BIN)/pytest

soundness: setup ## verdicts on 10,000 random specs, held against their models
	$(BIN)/python -m tests.soundness --count 10000 --seed 0

docs: setup ## write the reference and the gallery again, from the source
	$(BIN)/graphspec docs --all > docs/reference.md.new && mv docs/reference.md.new docs/reference.md
	$(BIN)/graphspec gallery specs -o specs/README.md --pictures docs/images/gallery
	$(BIN)/graphspec diff specs/llm/gpt2.yaml specs/llm/gpt_neox.yaml -o docs/images/diff.svg >/dev/null

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

format: setup ## lay the code out and fix what ruff can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## remove .venv, caches and build artefacts; keep runs/
	rm -rf $(VENV) build dist screenshots .hypothesis .pytest_cache .ruff_cache
	find graphspec compiler tests -name __pycache__ -prune -exec rm -rf {} +

# Two commands do everything on a machine that has only Python 3.11 or newer: `make demo` and `make test`.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
QUIET := --quiet --disable-pip-version-check
# The first interpreter that is new enough; set PYTHON to choose another.
PYTHON ?= $(shell for p in python3 python3.12 python3.13 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.PHONY: help setup demo test lint types pytest soak fuzz lock clean

help:
	@echo "make demo    environment, then train and test a small network on phantom data (under 3 minutes)"
	@echo "make test    environment, lint, types, tests"
	@echo "make soak    the long tests: killed runs, and every choice with every recipe (an hour on 2 cores)"
	@echo "make fuzz    damaged files and odd words at random (a minute a test)"
	@echo "make setup   the environment alone, in $(VENV)"
	@echo "make lock    write requirements.txt anew from pyproject.toml (needs uv)"

setup: $(READY)

# pip would compile every module on one core; a few, of other Pythons, cannot be compiled.
$(READY): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "lgg_seg needs Python 3.11 or newer; install one, or name it: make PYTHON=…"; exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
		echo "installing with uv into $(VENV) (a few GB, most of it PyTorch)"; \
		uv venv --quiet --clear --python "$(PYTHON)" $(VENV) && \
		uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.txt && \
		uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
		echo "installing with pip into $(VENV) (a few GB, most of it PyTorch; some minutes)"; \
		"$(PYTHON)" -m venv --clear $(VENV) && \
		$(BIN)/python -m pip install $(QUIET) --no-compile --require-hashes -r requirements.txt && \
		$(BIN)/python -m pip install $(QUIET) --no-deps --no-build-isolation -e . && \
		{ $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true; } ; \
	fi
	@touch $(READY)

demo: setup
	$(BIN)/python -m lgg_seg experiment=demo

# Types are checked while the tests run: mypy alone would leave the other cores idle.
test: setup
	@$(MAKE) --no-print-directory -j2 lint types pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --cache-dir .ruff_cache/imports

types: setup
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini

# One process a core, each with one thread: two OpenMP pools on the same cores stand in each other's way.
# Compiled modules are kept, whatever the shell says: else every process compiles the package and the tests anew.
pytest: setup
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# Runs that are killed in many ways, at places drawn with a fixed seed, and every member of every group with every recipe.
# The longest test begins first, alone on its core.
soak: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m soak -n auto --maxschedchunk 1

# Files and words mutated at random with a fixed seed; FUZZ_SECONDS=600 gives each test ten minutes.
fuzz: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m fuzz -n auto -rP --show-capture=stdout

lock:
	uv pip compile --no-header --no-annotate --generate-hashes --universal --python-version 3.11 --extra dev --quiet pyproject.toml -o requirements.txt

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache dist build

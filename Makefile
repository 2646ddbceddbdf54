# `make run`: set up and run the default study. `make test`: set up and run the tests.
# Both need only Python >= 3.11 and make; the environment goes to .venv, from the pinned lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STUDY ?= config.yaml

.PHONY: run test lint verify setup clean

run: setup
	@$(BIN)/snakemake --cores all --configfile $(STUDY)

test: setup
	@$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

# Find stores that were damaged after they were written.
verify: setup
	@$(BIN)/python scripts/verify.py results

setup: $(VENV)/.ready

$(VENV)/.ready: envs/requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed, $(PYTHON) is " + sys.version.split()[0])'
	@echo "Setting up $(VENV), once: this takes a minute or two"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement envs/requirements.lock
	@touch $@

clean:
	rm -rf $(VENV) .snakemake

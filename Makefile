# `make run`: set up and run the default study. `make test`: set up and run the tests.
# Both need only Python >= 3.11 and make; the environment goes to .venv, from the pinned lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STUDY ?= config.yaml

.PHONY: run test lint verify validate bench recover reproduce archive setup clean

run: setup
	@$(BIN)/python scripts/check.py $(STUDY)
	@$(BIN)/snakemake --cores all --configfile $(STUDY)

test: setup
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint
	$(BIN)/python -m pytest tests/unit/test_envs.py tests/unit/test_container.py

# Find what was damaged after it was written, and say how to make it again.
verify: setup
	@$(BIN)/python scripts/verify.py results $(STUDY)

# Put known amounts of sharing into pretended models, and see what the method makes of them (docs/validation.md).
validate: setup
	@$(BIN)/python scripts/validate.py $(VALIDATE)

# Time each metric's permutations beside recomputing it, and its memory (BENCH="--n 1000 --metrics rsa" for less).
bench: setup
	@OMP_NUM_THREADS=1 PYTHONPATH=scripts $(BIN)/python benchmarks/nulls.py $(BENCH)

# After a run that was killed: cancel the jobs that it left on a cluster, remove the lock.
recover: setup
	@$(BIN)/python scripts/recover.py $(STUDY)

# Run a committed study again, beside it, and say cell by cell whether its tables agree
# (TOLERANCE="measured=0.01 p=0" asks for more).
reproduce: setup
	@$(BIN)/python scripts/reproduce.py $(STUDY) $(TOLERANCE)

# Pack a study with its downloads and packages: on a machine without network, unpack and `make run`.
archive: setup
	@$(BIN)/python scripts/archive.py $(STUDY)

setup: $(VENV)/.ready

$(VENV)/.ready: envs/requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed, $(PYTHON) is " + sys.version.split()[0])'
	@echo "Setting up $(VENV), once: this takes a minute or two"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		$(if $(wildcard wheels),--no-index --find-links wheels) --requirement envs/requirements.lock
	@touch $@

clean:
	rm -rf $(VENV) .snakemake

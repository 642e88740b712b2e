# What people and CI run. Everything happens inside .venv, which the first target that needs it makes.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
# Many tests start processes, and each would compile the package again where an environment forbids to keep what was compiled.
export PYTHONDONTWRITEBYTECODE :=
WORKERS ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types proof bench docs gallery wheel clean

help:            ## what there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(RUN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(RUN)/python
	$(RUN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(RUN)/python
	$(RUN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@ $(VENV)/installed

demo: $(VENV)/installed  ## train on the digits that scikit-learn ships, and report
	$(RUN)/parnassus demo

test: $(VENV)/installed-dev lint types  ## lint, type-check and run every test
	$(RUN)/python -m pytest -n $(WORKERS) --dist worksteal

check: $(VENV)/installed-dev lint types  ## what every commit passes: lint, types, fast tests
	$(RUN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow"

lint: $(VENV)/installed-dev
	$(RUN)/ruff check src tests benchmarks docs
	$(RUN)/ruff format --check src tests benchmarks docs/*.py

types: $(VENV)/installed-dev
	$(RUN)/mypy

proof: $(VENV)/installed-dev  ## the long proofs: the books' experiments at full size into docs/reproduced, kills and fuzzing at length
	$(RUN)/parnassus reproduce all --write docs/reproduced
	PARNASSUS_KILLS=20 PARNASSUS_FUZZ=2000 $(RUN)/python -m pytest tests/contracts/test_resume.py tests/contracts/test_fuzz.py
	PARNASSUS_FUZZ=10000 $(RUN)/python -m pytest tests/serve/test_hostile.py

bench: $(VENV)/installed-dev  ## ours against the peers that are installed: docs/benchmarks.md, on a quiet machine
	$(RUN)/python benchmarks/page.py

docs: $(VENV)/installed-dev  ## the documentation, warnings as errors
	$(RUN)/python -m sphinx -W --keep-going -q docs docs/_build/html

gallery: $(VENV)/installed-dev  ## the books' exercises in full, with their pictures, for `make docs`
	$(RUN)/python docs/gallery_pages.py

wheel: $(VENV)/installed-dev  ## the package as others install it
	$(RUN)/python -m build --wheel --outdir dist

clean:           ## everything that was made
	rm -rf $(VENV) build dist runs docs/_build .pytest_cache .ruff_cache .mypy_cache

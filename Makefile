# Everything happens in .venv, which the targets make themselves. They need make and
# Python 3.11 or newer; another one is named by: make test PYTHON=/path/to/python3.13
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo test docs lint format benchmarks accuracy lock clean

help:
	@echo "make demo        train, tune, explain, save and load nets on real data"
	@echo "make test        lint, then the whole test suite"
	@echo "make docs        build the documentation in docs/_build/html"
	@echo "make lint        check style and import rules"
	@echo "make format      mend style"
	@echo "make benchmarks  measure speed against peers, explanations against the truth"
	@echo "make accuracy    measure accuracy on the data sets in DATA=folder"
	@echo "make lock        resolve constraints.txt anew"
	@echo "make clean       remove everything that these targets made"

# pip, setuptools and torch come first: no package is built in an isolated environment,
# which constraints would not reach, and nothing else gets to choose torch's version.
$(VENV)/.created: constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("skdeep needs Python 3.11 or newer, got %d.%d. Name one: make PYTHON=/path/to/python3" % sys.version_info[:2])'
	@echo "==> Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install -qq --constraint constraints.txt pip setuptools
	@echo "==> Installing torch (large: this can take minutes)"
	@$(PIP) install -qq --constraint constraints.txt torch
	@touch $@

$(VENV)/.installed-%: pyproject.toml $(VENV)/.created
	@echo "==> Installing skdeep[$*]"
	@$(PIP) install -qq --no-build-isolation --constraint constraints.txt --editable ".[$*]"
	@touch $@

demo: $(VENV)/.installed-all
	@$(BIN)/python examples/demo.py

lint: $(VENV)/.installed-test
	@echo "==> Style"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "==> Import rules"
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.installed-test
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# One thread for each of the two workers: thread pools that fight for the same cores
# make torch ten times slower.
test: lint
	@echo "==> Tests"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --ignore tests/benchmarks

benchmarks: $(VENV)/.installed-test
	@$(BIN)/python tests/benchmarks/peers.py --csv docs/performance.csv
	@$(BIN)/python tests/benchmarks/inspection.py --csv docs/inspection.csv

# DATA is the folder of the data sets. Takes hours.
ACCURACY := tables series recurrent images texts imbalance calibration searches
accuracy: $(VENV)/.installed-test
	@for table in $(ACCURACY); do \
	   echo "==> $$table"; \
	   $(BIN)/python tests/benchmarks/accuracy/$$table.py $(DATA) \
	      --csv docs/accuracy/$$table.csv || exit 1; \
	 done

docs: $(VENV)/.installed-docs
	@echo "==> Running the examples and building the documentation"
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "Documentation: docs/_build/html/index.html"

# With the oldest supported Python, so that newer ones can install the versions too.
# TORCH names the version of torch; everything else is the newest that fits.
lock:
	@rm -rf .venv-lock
	@$(PYTHON) -m venv .venv-lock
	@.venv-lock/bin/python -m pip install -qq --upgrade pip setuptools
	@.venv-lock/bin/python -m pip install -qq torch$(if $(TORCH),==$(TORCH))
	@.venv-lock/bin/python -m pip install -qq --no-build-isolation --editable ".[test,docs]"
	@{ echo "# Versions that the make targets install; made by: make lock"; \
	   .venv-lock/bin/python -m pip freeze --all --exclude-editable \
	   | sed -e 's/+[a-z0-9.]*$$//' -e '/^nvidia-/d' -e '/^cuda-/d' -e '/^triton==/d'; \
	 } > constraints.txt
	@rm -rf .venv-lock

clean:
	@rm -rf $(VENV) .venv-lock build demo_output dist skdeep.egg-info
	@rm -rf docs/_build docs/generated docs/auto_examples docs/sg_execution_times.rst
	@rm -rf .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

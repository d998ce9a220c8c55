# Two commands on a fresh machine: `make demo`, then `make test`. They need python3 (3.11 or newer) and make; everything is
# installed into .venv. `make` alone lists the targets.
#
#   make demo PYTHON=python3.12                                 another interpreter
#   make demo TORCH_INDEX=<address>                             torch from that index (another CUDA): the address is in the install
#                                                               selector on PyTorch's own site; without, tools/install.py chooses
#   make demo CONSTRAINTS="-c constraints/tested.txt"           exactly the versions we tested with
#   make test ARGS="-k street"                                  ARGS goes to the command that is run

PYTHON      ?= python3
VENV        ?= .venv
BIN         := $(VENV)/bin
TORCH_INDEX ?=
ARGS        ?=
# of pip; without any, and without an NVIDIA driver, tools/install.py takes the torch that is tested on the CPU
CONSTRAINTS ?=
NOTEBOOKS   ?= $(sort $(wildcard notebooks/*.ipynb))

UV := $(shell command -v uv 2>/dev/null)
ifdef PIP_FIND_LINKS
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
endif

ifneq ($(UV),)
# without PYTHON=... uv picks (or fetches) an interpreter that is new enough
VENV_NEW = $(UV) venv -q --allow-existing --python $(if $(filter file,$(origin PYTHON)),'>=3.11',$(PYTHON)) $(VENV)
VENV_OK  = test -x $(BIN)/python
INSTALL  = $(UV) pip install -q --python $(BIN)/python
else
VENV_NEW = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    || { echo "hinas_lab needs Python 3.11 or newer, and $(PYTHON) is: $$($(PYTHON) --version 2>&1 | head -1). Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }; \
  $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
    || { echo "$(PYTHON) comes without venv; on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }; \
  $(PYTHON) -m venv $(VENV)
VENV_OK  = $(BIN)/python -m pip --version >/dev/null 2>&1
# -qq: no progress, no warnings about other indexes; errors are shown
INSTALL  = $(BIN)/python -m pip install -qq --disable-pip-version-check
endif

# the package with some extras, and torch: tools/install.py
PACKAGE = HINAS_INSTALL="$(INSTALL)" TORCH_INDEX="$(TORCH_INDEX)" $(BIN)/python tools/install.py

KERNELS = build/kernels/6.29.5 build/kernels/7.0.1

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-notebooks test-ui fuzz lab notebooks figures site docs class house

help:                   ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' Makefile | expand -t 26

demo: $(VENV)/.ok       ## search, decode, train, measure and restore on the built-in photographs
	$(BIN)/python -m hinas_lab demo $(ARGS)

test: $(VENV)/.ok       ## the fast tests (no network, no browser)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not notebook and not ui and not slow" $(ARGS)

test-slow: $(VENV)/.ok   ## the slow tests: every preset's own nets on one batch, kills, clusters, benchmarks (6 minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m slow $(ARGS)

test-notebooks: $(VENV)/.ok  ## every notebook, executed in a real kernel at preset tiny
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m notebook tests/test_notebooks.py tests/book/test_lessons.py $(ARGS)

test-ui: $(VENV)/.ui $(KERNELS)  ## notebooks, reports and the site used in headless Chromium (which must be there); pictures in build/ui
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m ui -rs tests/ui $(ARGS)

fuzz: $(VENV)/.ok       ## 600 drawn faults: damaged runs, bombs, odd words, variables and streams (ARGS="--seed 7 --cases 2000")
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz.py $(ARGS)

lab: $(VENV)/.lab       ## JupyterLab on notebooks/
	$(BIN)/python -m jupyterlab notebooks/ $(ARGS)

notebooks: $(VENV)/.ok  ## execute the notebooks and store their outputs (HINAS_PRESET, default classroom)
	$(BIN)/python tools/store_notebooks.py $(NOTEBOOKS)

figures: $(VENV)/.ok    ## figures/: the paper's 14 figures and 12 tables, redrawn from records (half a minute)
	OMP_NUM_THREADS=1 $(BIN)/python -m hinas_lab figures $(ARGS)

site: $(VENV)/.lab      ## site/: the notebooks as pages, recorded searches replaying inside, to be opened or published (docs/publishing.md)
	$(BIN)/python tools/site.py $(ARGS)

docs: $(VENV)/.ok       ## the documents that are made from code and data (docs/: protocols.md, ledger.md, stability.md, search.gif, field.png)
	$(BIN)/python tools/protocol_table.py
	$(BIN)/python tools/ledger.py
	$(BIN)/python tools/stability_page.py
	$(BIN)/python tools/readme_gif.py
	$(BIN)/python tools/readme_field.py

house:                  ## how the lines read: tokens a line, long lines, comprehensions, comments, imports of a notebook
	@$(PYTHON) tools/house.py

class: $(VENV)/.ok      ## dist/hinas_lab-class.zip for a room without network (ARGS=--wheels: also what pip must install)
	$(BIN)/python tools/pack_class.py $(ARGS)

$(VENV)/.ok: pyproject.toml $(wildcard constraints/*.txt)
	@$(VENV_OK) || { $(VENV_NEW); }
	@echo "Installing hinas_lab and what it needs into $(VENV) (1 to 3 minutes the first time) ..."
	@$(PACKAGE) dev $(CONSTRAINTS)
	@touch $@

$(VENV)/.ui: $(VENV)/.ok
	@echo "Installing JupyterLab, Notebook and playwright into $(VENV) ..."
	@$(PACKAGE) lab ui $(CONSTRAINTS)
	@touch $@

# Kernels that readers still have, beside the environment: tests/ui/test_other_homes.py
$(KERNELS): $(VENV)/.ui
	@$(INSTALL) --no-deps --upgrade --target $@ ipykernel==$(notdir $@)
	@touch $@

$(VENV)/.lab: $(VENV)/.ok
	@echo "Installing JupyterLab into $(VENV) ..."
	@$(PACKAGE) lab $(CONSTRAINTS)
	@touch $@

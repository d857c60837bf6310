# Each target sets up all that it needs in .venv; a second run installs nothing again.
PYTHON ?= python3
BIN := .venv/bin
PIP := python -m pip install --quiet --disable-pip-version-check
# tf-agents' own pins are stale and would keep it off Python 3.12.
AGENTS := --no-deps tf-agents==0.19.0
# A file of tests stays in one of the processes, so that its fixtures are made once.
PYTEST := $(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile

.PHONY: demo test test-all lint bench

# What the demonstration trains with and where it writes; tests make it small.
DEMO ?= --minutes 2
OUTPUT ?= .

demo: .venv/ready
	@echo "kerasbio: training LeNet-5 on simulated chest radiographs, about three minutes in all"
	@$(BIN)/kerasbio train image-diagnosis $(DEMO) --output "$(OUTPUT)"
	@run=$$(ls -td "$(OUTPUT)"/runs/image-diagnosis/*/ | head -1); run=$${run%/}; \
	$(BIN)/kerasbio sample image-diagnosis "$$run/sample.png" && \
	echo "kerasbio: predicting on it with the exported model" && \
	$(BIN)/kerasbio predict "$$run" "$$run/sample.png" && \
	echo "kerasbio: open $$run/report.html in a browser"

test: .venv/ready lint
	@echo "kerasbio: running the tests"
	@$(PYTEST)

test-all: .venv/ready lint
	@echo "kerasbio: running all tests, the slow ones too"
	@$(PYTEST) -m ""

bench: .venv-bench/ready
	@for program in benchmarks/*.py; do case $$program in */harness.py|*/training_step.py|*/twins.py) ;; *) \
	.venv-bench/bin/python $$program || exit 1;; esac; done

lint: .venv/ready
	@echo "kerasbio: checking style and types"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

.venv/ready: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	echo "kerasbio needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is another:" \
	"name one with make PYTHON=python3.12"; exit 1; }
	@echo "kerasbio: installing into .venv (once; 3 GB, about two minutes)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/$(PIP) -e '.[all]'
	@$(BIN)/$(PIP) $(AGENTS)
	@touch $@

.venv-bench/ready: setup.cfg pyproject.toml benchmarks/requirements.txt
	@echo "kerasbio: installing the peers into .venv-bench (once)"
	@.venv-bench/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv-bench
	@.venv-bench/bin/$(PIP) -r benchmarks/requirements.txt -e '.[rl]'
	@.venv-bench/bin/$(PIP) $(AGENTS)
	@touch $@

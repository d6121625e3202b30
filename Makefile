# Everything starts with one of: make demo, make test. Both set up what they need in .venv first.

PYTHON ?= python3
# The torch to install. A CUDA build: make setup TORCH="torch==2.13.0 --index-url <the index that pytorch.org names>"
TORCH ?= torch==2.13.0
JOBS ?= 2

BIN := .venv/bin
READY := .venv/.ready
PEERS := .venv-peers/.ready

.PHONY: setup demo assistant test test-slow real parity check docs perf evidence clean help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 14

setup: $(READY)  ## prepare .venv with the vesalius command

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Vesalius needs Python 3.11 or newer"'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(TORCH) -c constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,vlm,imaging,scale,knowledge,eval,docs,dev]'
	@touch $@

demo: $(READY)  ## virtual patients, pretraining, evaluation and its page, in a few minutes
	$(BIN)/vesalius demo --out demo

assistant: $(READY)  ## make the embedded assistant again from nothing: an hour or more of one core
	OMP_NUM_THREADS=1 $(BIN)/vesalius assistant --make runs/assistant

test: $(READY)  ## the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)

test-slow: $(READY)  ## the slow tests as well
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) -m 'not gpu and not network and not parity'

real: $(READY)  ## the tests on real medical data, those of the tutorial included
	OMP_NUM_THREADS=2 $(BIN)/python -m pytest -m 'real and not gpu and not network'

check: $(READY)  ## format, lint, types, import ladder
	$(BIN)/ruff format --check src tests perf
	$(BIN)/ruff check src tests perf
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_ladder.py

docs: $(READY)  ## build the documentation into site/, every link checked
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --strict --quiet

evidence: $(READY)  ## run the tests that show a system's level and store what they showed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not gpu and not network and not parity' --write-evidence

$(PEERS): perf/peers.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet $(TORCH)
	.venv-peers/bin/python -m pip install --quiet --no-deps -r perf/peers.txt
	@touch $@

perf: $(READY) $(PEERS)  ## measure speed and memory beside the peers, results in perf/results
	PEER_PYTHON=$(CURDIR)/.venv-peers/bin/python $(BIN)/python perf/run.py

clean:  ## remove what the targets made
	rm -rf .venv .venv-peers site demo

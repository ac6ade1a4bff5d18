# `make demo` and `make test` are all a newcomer needs; each makes its environment first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made
ARGS ?=

# What `make bench` runs; one alone: make bench ONLY=record.
BENCHES := record redaction outage forward ingest ack disk sqlite_index memory correlate
ONLY ?= $(BENCHES)

.PHONY: env demo test faults interop torture bench check format clean

env: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed; name another with make PYTHON=…"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[receiver]' --group dev --group shop
	@touch $@

# The main job on the embedded default; `make demo ARGS=--once` stops by itself.
demo: env
	$(BIN)/python -m examples.checkout.demo $(ARGS)

# Everything that Python, Java, Maven and Debian packages give, a real Elasticsearch included (fetched before: a test's
# time limit is not meant for downloads).
test: check
	$(BIN)/python -m tests.parts.elasticsearch
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not interop" $(ARGS)

# Of these only the faults at random moments and combined; `make torture` is their long form.
faults: env
	$(BIN)/python -m pytest tests/crash $(ARGS)

# What needs Go or Node: a real Collector, other languages' SDKs.
interop: env
	$(BIN)/python -m pytest -m interop tests/interop $(ARGS)

# A million events, two hundred kills and every fault at once, in about twenty minutes; ARGS=--report writes docs/torture.md.
torture: env
	$(BIN)/python -m tests.crash.torture $(ARGS)

# Measured, as ratios within one run; see bench/README.md. Never part of the tests.
bench: env
	@for each in $(ONLY); do echo "== $$each"; $(BIN)/python -m bench.$$each $(ARGS) || exit 1; done

# Format, lint, types, layers.
check: env
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -p no:randomly tests/test_layers.py

format: env
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/ruff format --quiet .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

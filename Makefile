# The two commands of the README, spelled out; PYTHON may name any Python from 3.11.
PYTHON ?= python3

.PHONY: plan test
plan:
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet '.[pocl]'
	.venv/bin/bnnplan solve --objective latency

test:
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet '.[test]'
	.venv/bin/python -m pytest

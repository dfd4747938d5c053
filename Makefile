.PHONY: demo test lint clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# The stamps hold what is installed: for the demo, and what the tests need besides.
# torch first and by itself: a plain `torch` would pull gigabytes of GPU packages.
$(VENV)/.demo: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) "torch==2.13.0"
	$(PIP) -e ".[embed]"
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(PIP) -e ".[embed,inspect,static,test]"
	touch $@

demo: $(VENV)/.demo
	$(BIN)/sgram demo

test: $(VENV)/.test
	$(BIN)/python -m pytest

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

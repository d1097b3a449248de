# Needs Python >= 3.11, make and a package index; installs everything else into .venv.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
# Measures memory and time of whole processes, so nothing else may run beside it.
TIMED   = tests/polling/test_faulty_servers.py
SPREAD  = -n 3 --dist loadfile --no-loadscope-reorder --ignore $(TIMED)
# Without bytecode on disk each worker and each process of a test would compile all modules: 0.1 to 8 s.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo run test coverage lint types contracts docs bytecode site-docs calendar-names soak bench lock release-check clean

# The stamp is newer than the files that decide what is installed.
$(VENV)/stamp: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/stamp
	$(BIN)/aggregator demo $(if $(SERVE),--serve)

# The sandbox writes no bytecode, and would compile the parsers at each start.
run: $(VENV)/stamp
	-$(BIN)/python -m compileall -q aggregator
	$(BIN)/aggregator run

test: $(VENV)/stamp
	$(MAKE) --jobs 2 types lint contracts docs bytecode
	$(BIN)/pytest $(SPREAD)
	$(BIN)/pytest $(TIMED)

# The tests with line coverage; they take half as long again.
coverage: $(VENV)/stamp
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(SPREAD)
	$(BIN)/coverage run -m pytest $(TIMED)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(VENV)/stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/deptry .

types: $(VENV)/stamp
	$(BIN)/mypy

contracts: $(VENV)/stamp
	$(BIN)/lint-imports

# Checks pages, rule codes and the JSON Schema against the code; `make docs WRITE=1` first writes what is generated.
docs: $(VENV)/stamp
	$(BIN)/python docs/check.py $(if $(WRITE),--write)

# Compiles all tests once, and not in each worker at the same time. The tests themselves report errors.
bytecode: $(VENV)/collected

$(VENV)/collected: $(VENV)/stamp $(shell find aggregator tests -name '*.py')
	-@$(BIN)/pytest --collect-only > $@

# Builds the documentation site; any warning is an error. Needs no network.
site-docs: $(VENV)/stamp
	$(BIN)/sphinx-build --fail-on-warning --keep-going --nitpicky --fresh-env --quiet --jobs 2 \
	  --doctree-dir $(VENV)/doctrees docs site-docs
	@echo 'site-docs/index.html'

# Writes aggregator/calendar_names.json from the CLDR data of Babel.
calendar-names: $(VENV)/stamp
	$(BIN)/python docs/calendar_names.py

soak: $(VENV)/stamp
	$(BIN)/pytest --soak

bench: $(VENV)/stamp
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python benchmarks/poll.py --feeds 100
	$(BIN)/python benchmarks/serve.py

# Needs uv. Writes the hashes of all requirements, in the versions of constraints.txt, for all supported Pythons.
lock: $(VENV)/stamp
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])' \
	| uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command 'make lock' --constraint constraints.txt --output-file requirements.txt pyproject.toml -

# Builds dist/ and tries it as users do: pip, pipx, the first commands, the container file. Takes some minutes.
release-check: $(VENV)/stamp
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[release]'
	$(BIN)/python release/check.py $(if $(VERSION),--version $(VERSION))

clean:
	rm -rf $(VENV) dist site-docs demo-run .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Everything a newcomer types. Each target installs what it needs into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JUPYTER := $(VENV)/.jupyter-installed
MUTANTS := $(VENV)/.mutants-installed
# Of the tests. Each file is run by one of them, so what its tests share is made once. One more than two cores have work
# for: a fifth of the time a test waits.
WORKERS ?= 3

.DEFAULT_GOAL := help

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 20

venv: $(STAMP)  ## install everything needed into .venv

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed for the harness; this is %s. Try make PYTHON=python3.11" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench,test,lint,docs]'
	@touch $@

bench: $(STAMP)  ## measure: make bench [SCENARIO=quick|full|... or a file.toml] [RESUME=1]
	$(BIN)/python -m scenarios run $(or $(SCENARIO),$(if $(RESUME),,quick)) $(if $(RESUME),--resume)

plots: $(STAMP)  ## draw the plots of a run again: make plots [RUN=results/...]
	$(BIN)/python -m scenarios plots $(RUN)

monolith: $(STAMP)  ## record the program of examples/monolith, replay it, split it, compare, then a package: 25 minutes, or make monolith RUNS=1
	$(BIN)/python examples/monolith/prove.py $(if $(RUNS),--runs $(RUNS))
	$(BIN)/python examples/others/prove.py $(if $(RUNS),--runs $(RUNS))

selftest: $(STAMP)  ## let the harness measure what it must find: floor, known delay, stopped server, A/A; one minute
	$(BIN)/python -m scenarios selftest

report: $(STAMP)  ## write the report.html of a run again: make report [RUN=results/...]
	$(BIN)/python -m scenarios report $(RUN)

notebooks: $(JUPYTER)  ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks

$(JUPYTER): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[notebooks]'
	@touch $@

notebooks-executed: $(STAMP)  ## run the committed notebooks again on results/reference
	$(BIN)/python util/execute_notebooks.py

# Hundreds of the tests start a Python: each would compile the project again where its bytecode may not be kept.
test: $(STAMP)  ## all tests, 4 to 6 minutes
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(TESTS)

soak: $(STAMP)  ## the fault tests' long forms and their figures, the examples' as well, 45 minutes: make soak [PART=test_name] [SCALE=0.01]
	$(BIN)/python -m pytest tests/shm_rpc_bridge tests/examples -m soak $(if $(PART),-k '$(PART)') $(if $(SCALE),--scale $(SCALE)) \
		--figures $(or $(FIGURES),$(if $(SCALE),results/reliability.csv,results/reference/reliability.csv))

split-tests: $(STAMP)  ## other packages' test suites with their functions in another process, half an hour: make split-tests [PACKAGES=jsonpatch]
	$(BIN)/python -m split_tests $(PACKAGES)

mutants: $(MUTANTS)  ## change the code in one place at a time and see if a test fails: make mutants [MODULE=shm_rpc_bridge/budget.py]; hours
	$(BIN)/python util/mutate.py $(MODULE)

$(MUTANTS): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[mutants]'
	@touch $@

tox: $(STAMP)  ## the library's tests on every Python found, 3.8 to 3.13
	$(BIN)/tox

lint: $(STAMP)  ## ruff, mypy --strict and the contracts of who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

reference: $(STAMP)  ## make a finished run the committed one: make reference RUN=results/...
	$(BIN)/python -m scenarios publish $(RUN)
	$(BIN)/python util/execute_notebooks.py

readme: $(STAMP)  ## write the figures in README.md and docs/ from results/reference
	$(BIN)/python -m scenarios readme

# Never with --quiet: then no warning counts.
docs: $(STAMP)  ## build the documentation into site/; every warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "open $(CURDIR)/site/index.html"

footprint: $(STAMP)  ## what the library costs beside single calls, into results/reference/library.csv; 40 seconds
	$(BIN)/python util/measure_library.py --output results/reference/library.csv

proto: $(STAMP)  ## generate the gRPC stubs again from contenders/proto/bench.proto
	$(BIN)/python -m contenders.proto

clean:  ## remove .venv, caches and every run but results/reference
	rm -rf $(VENV) .split-tests .tox .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist site
	find results -mindepth 1 -maxdepth 1 ! -name reference -exec rm -rf {} +
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help venv bench monolith selftest plots report notebooks notebooks-executed test soak split-tests mutants tox lint reference readme docs footprint proto clean

# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN = .venv/bin
INSTALL = -m pip install --quiet --disable-pip-version-check --no-compile
# pip compiles on one core, and the tests of every package, too
COMPILE = -m compileall -qq -j 0 -x '/tests?/|/testing/_internal/'
export PYTHONDONTWRITEBYTECODE =  # or each process of the tests compiles our own sources anew

.PHONY: setup demo lab test test-integrations lint types pages manual check bench clean

setup: .venv/ready

$(BIN)/python:
	$(PYTHON) -m venv .venv

.venv/ready: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python $(INSTALL) -c constraints.txt -e '.[dev]'
	$(BIN)/python $(COMPILE) .venv/lib || true
	touch $@

demo: setup
	@bash examples/demo.sh $(BIN)/gradwell

.venv/wheels: $(BIN)/python
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps -w $@ fasttext==0.9.3 || mkdir -p $@

.venv/oracle: .venv/ready .venv/wheels
	$(BIN)/python $(INSTALL) .venv/wheels/* || echo "no C++ compiler: tests that compare with fastText itself are skipped"
	touch $@

test: setup .venv/oracle
	$(BIN)/python -m pytest -n 3 --dist loadgroup  # on two cores: one often waits for a process that it has started

.venv-integrations/ready: pyproject.toml constraints.txt
	test -x .venv-integrations/bin/python || $(PYTHON) -m venv .venv-integrations
	.venv-integrations/bin/python $(INSTALL) -c constraints.txt -e '.[dev,integrations]'
	.venv-integrations/bin/python $(INSTALL) --no-deps nemo-curator==1.4.0 cosmos-xenna==0.2.0
	.venv-integrations/bin/python $(INSTALL) fasttext==0.9.3 || true
	.venv-integrations/bin/python $(COMPILE) .venv-integrations/lib || true
	.venv-integrations/bin/python -m pip uninstall --quiet --yes torchvision  # fastai's; not used, and in the way where it was built for another torch
	touch $@

test-integrations: .venv-integrations/ready
	.venv-integrations/bin/python docs/integrations.py

lab: setup
	$(BIN)/gradwell lab run --all --jobs 2 --results src/gradwell/lab/results

lint: setup
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

manual: setup
	$(BIN)/python docs/generate.py

pages: setup
	$(BIN)/python docs/generate.py --check

check: lint types pages

bench: setup
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/text.py
	$(BIN)/python benchmarks/text_classes.py
	$(BIN)/python benchmarks/attention.py
	$(BIN)/python benchmarks/recurrent.py

clean:
	rm -rf .venv gradwell-runs dist build

# The main commands are `make demo` and `make test`; both install what is missing.

# The first Python with wheels of every dependency: TensorFlow has none for 3.14 yet.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10; do \
	$$python -c 'import sys, ensurepip, venv; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' \
	2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-all lint docs wheel page install check-python check-node clean

demo: check-python check-node install page
	$(BIN)/zoo build DARTS --export tfjs
	$(BIN)/zoo demo exports

test: check-python install
	$(BIN)/python -m web_demo.tools.install_chromium
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(PYTEST)

test-all: check-python install
	$(BIN)/python -m web_demo.tools.install_chromium
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "slow or not slow" $(PYTEST)

lint: install
	$(BIN)/ruff check .
	$(BIN)/basedpyright

# The site, including the demo page with two exports.
docs: check-python check-node install page
	$(BIN)/python -m mkdocs build --strict
	$(BIN)/zoo build DARTS --export tfjs -o build/demo/DARTS-digits
	$(BIN)/zoo build DARTS_V2 --data cifar10 --export tfjs --precision float16 -o build/demo/DARTS_V2-cifar10
	$(BIN)/zoo demo build/demo --build site/demo

# Built from a source distribution, so that it contains no files of an earlier build.
wheel: check-python check-node install page
	$(BIN)/python -m build

install: $(VENV)/.installed

# torch first and alone, so that later packages find the pinned version.
$(VENV)/.installed: setup.cfg constraints.txt constraints-no-deps.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -c constraints.txt torch
	$(BIN)/pip install --quiet -c constraints.txt -e '.[export,data,demo,search,ray,test,docs]'
	$(BIN)/pip install --quiet --no-deps -r constraints-no-deps.txt
	touch $@

page: check-node web_demo/dist/index.html

web_demo/dist/index.html: web_demo/package-lock.json web_demo/runtimes.json $(wildcard web_demo/*.html) \
		web_demo/vite.config.ts web_demo/tools/code_bytes.ts \
		$(shell find web_demo/src web_demo/public -type f 2>/dev/null)
	cd web_demo && npm ci --no-audit --no-fund --loglevel=error && npm run build

check-python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
		echo "Python 3.10 to 3.13, with venv, is needed; $(if $(PYTHON),'$(PYTHON)' is not,none is on the path). Try: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }

check-node:
	@node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major * 100 + minor < 2019 ? 1 : 0)' 2>/dev/null || { \
		echo "Node 20.19 or newer is needed to build the page; install it from your system or nodejs.org" >&2; exit 1; }

clean:
	rm -rf $(VENV) web_demo/node_modules web_demo/dist build/demo site

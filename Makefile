# `make help` lists the targets. Python 3.11 or newer and make are all it takes.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := requirements/dev.txt
PEERS := .venv-bench
# A process and a database for each processor; with ARGS one, so that output comes as it is printed.
PROCESSES ?= auto
TESTS := -m pytest $(or $(ARGS),--numprocesses $(PROCESSES) --maxprocesses 8 --dist loadfile --no-loadscope-reorder) \
	$(addprefix --role=,$(ROLE)) $(ONLY) $(addprefix --ignore=,$(NOT))

# Compiled once, and not by each of the hundreds of processes that the tests start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo drill screenshots test test-long check static coverage model mutants soak bench bench-quick bench-report bench-peers matrix messages format lock clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## Make .venv with the locked requirements (VENV=.venv-3.13 PYTHON=python3.13)

$(STAMP): $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: set PYTHON=python3.12, say."; exit 1; }
	@if command -v uv >/dev/null \
		&& { test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV); } \
		&& VIRTUAL_ENV=$(VENV) uv pip install --quiet --no-deps --require-hashes -r $(LOCK); then :; \
	else \
		$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV); \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes -r $(LOCK); \
	fi
	@touch $@

demo: install ## Run the demo: web, worker and a bank that fails on purpose (ARGS="--no-serve")
	DEBUG=1 $(BIN)/python manage.py demo $(ARGS)

drill: install ## Try the console: settle 20 staged cases by its pages alone, and see the score (ARGS="--seed 7")
	DEBUG=1 $(BIN)/python manage.py drill $(ARGS)

screenshots: install ## Make the pictures in docs/images from the drill, by headless Chromium
	DEBUG=1 $(BIN)/python -m tests.browser.screenshots $(ARGS)

test: install ## Run the tests (ARGS="tests/unit -k name", NOT="tests/away tests/model", ROLE=runs)
	$(BIN)/python $(TESTS)

test-long: install ## Run all tests, those too that are more of the same: every race in both orders
	$(BIN)/python $(TESTS) --long

check: static coverage ## All that must hold before a commit (ONLY="tests/unit tests/docs")

# What loads the settings says how: with DATABASE_URL they are production's, which want a secret key.
static: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	DEBUG=1 $(BIN)/mypy workflows_app config
	$(BIN)/lint-imports
	DEBUG=1 $(BIN)/python manage.py makemigrations --check --dry-run
	SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))') DEBUG=0 \
		DATABASE_URL=$${DATABASE_URL:-postgres:///unused} ALLOWED_HOSTS=example.com $(BIN)/python manage.py check --deploy --fail-level WARNING

# Lines, and not branches: from Python 3.13 on that takes little time (VENV=.venv-3.13 PYTHON=python3.13).
coverage: install
	$(BIN)/coverage erase
	$(BIN)/coverage run $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=95
	$(BIN)/coverage report --fail-under=100 \
		--include='workflows_app/operations/*,workflows_app/engine/planner.py'

model: install ## Let the model search for a story that breaks a promise, for long (MODEL_STORIES=3000)
	MODEL_PROFILE=nightly $(BIN)/python -m pytest tests/model $(ARGS)

mutants: install ## Plant each fault into a copy; a test must catch it (ARGS="--only lease --jobs 2")
	$(BIN)/python -m tests.mutants $(ARGS)

soak: install ## Kill workers, decide at random and have an outage for long, then compare all ledgers (ARGS="--minutes 60")
	$(BIN)/python -m tests.soak $(ARGS)

bench: install ## Measure speed against all peers; an hour (ARGS="--part latency --only ours")
	-@$(MAKE) --no-print-directory bench-peers
	$(BIN)/python -m tests.benchmarks $(ARGS)

bench-quick: install ## What of it two minutes are enough for (ARGS="--workers 1 --only ours")
	$(BIN)/python -m tests.benchmarks --quick --json var/bench-quick.json $(ARGS)

bench-report: install ## Take what `make bench` measured to docs/performance.json and performance.md
	$(BIN)/python -m tests.benchmarks.report var/bench.json

bench-peers: $(PEERS)/.installed ## Make .venv-bench with the peers that are measured beside this project

$(PEERS)/.installed: requirements/bench.txt
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/bench.txt
	@touch $@

# Without the pairs whose Python is not here. Django 6 needs Python 3.12.
MATRIX ?= 3.11-5.2 3.12-5.2 3.12-6 3.13-5.2 3.13-6

matrix: ## Follow docs/install.md with each Python that is here, and with Django 6 (MATRIX="3.13-6")
	@for pair in $(MATRIX); do \
		python=python$${pair%-*} django=$${pair#*-} place=.venv-matrix/$$pair; \
		$$python --version >/dev/null 2>&1 || { echo "== $$python is not here: left out"; continue; }; \
		echo "== $$($$python --version), Django $$django"; \
		test -x $$place/bin/python || $$python -m venv $$place || exit 1; \
		pip="$$place/bin/python -m pip install --quiet --disable-pip-version-check"; \
		$$pip --no-deps --require-hashes -r $(LOCK) && $$pip --upgrade "django==$$django.*" \
			&& $$place/bin/python -m pytest tests/install || exit 1; \
	done

messages: install ## Bring the German catalogue up to date with the code, and tell what is left to translate
	$(BIN)/python -m tests.translations

format: install ## Format the code and sort imports
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

lock: ## Lock the requirements anew, with hashes and without index addresses
	@$(PYTHON) -m venv .venv/lock
	.venv/lock/bin/python -m pip install --quiet pip-tools
	for name in base dev bench ci; do \
		.venv/lock/bin/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
			--no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-annotate \
			--output-file requirements/$$name.txt requirements/$$name.in; \
	done

clean: ## Remove the virtual environment and what was written here
	rm -rf .venv .venv-3.* $(PEERS) .venv-matrix var .coverage* .mypy_cache .ruff_cache .pytest_cache

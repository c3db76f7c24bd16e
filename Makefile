# Two commands do everything: `make demo` runs the loop, `make test` checks it. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
PACKAGES := evertrain lambdas jobs serving infra localcloud localstack_host bench reference
# Bytecode beside the sources would get into what is deployed; without any, each process compiles its libraries anew.
export PYTHONPYCACHEPREFIX := $(CURDIR)/.build/bytecode

.PHONY: help setup lock demo local down forget deploy test format lint types imports unit contract infra e2e chaos test-localstack test-mlflow bench bench-store bench-cloud bench-jobs bench-serving bench-explanations calibrate decisions decline intervals rollouts windows security reference screenshots

help: ## this list
	@grep -hE '^[a-z-][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: .venv/.installed .venv-cloud/.installed .venv-lambda/.installed ## install what is needed, from hashed locks

.venv/.installed: requirements/dev.txt requirements/installer.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Evertrain needs Python 3.11 or newer: make PYTHON=python3.13"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/installer.txt
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# What the embedded cloud and its functions run on.
.venv-cloud/.installed .venv-lambda/.installed: requirements/embedded-cloud.txt requirements/lambda-runtime.txt | .venv/.installed
	@$(BIN)/evertrain local install

lock: .venv/.installed ## resolve requirements/*.in anew
	@for name in requirements/*.in; do \
	  version=3.11; case $$name in *localstack*) version=3.13;; esac; \
	  everywhere=--universal; case $$name in *bench-*) everywhere=;; esac; \
	  (cd requirements && ../$(UV) pip compile --quiet $$(basename $$name) $$everywhere --python-version $$version --generate-hashes \
	    --no-header --no-annotate --no-emit-index-url -o $$(basename $$name .in).txt); done

demo: setup ## the whole loop on real flights, on this machine
	@$(BIN)/evertrain local up --stage dev --concurrency 1 -c clock=replay -c batching_window=5
	@eval "$$($(BIN)/evertrain local env --stage dev)" && $(BIN)/evertrain demo

local: setup ## the embedded cloud with your own models, as the stage `local` and by the real clock
	@$(BIN)/evertrain local up

down: ## stop the embedded cloud; what it holds is kept
	@$(BIN)/evertrain local down

forget: ## stop it and forget what it holds: the next demo begins anew
	@$(BIN)/evertrain local forget

deploy: setup ## the same app to your AWS account
	@$(BIN)/evertrain deploy

test: lint types imports unit contract infra e2e chaos ## everything that is checked

format: setup ## rewrite the code as ruff likes it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/zizmor --offline --quiet .github/workflows

types: setup
	$(BIN)/mypy $(PACKAGES)

imports: setup
	$(BIN)/lint-imports --no-cache

unit: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 tests/unit evertrain infra reference

contract: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadfile -m "not localstack and not mlflow" tests/contract

infra: setup
	$(BIN)/pytest -q tests/infra

e2e: setup
	$(BIN)/pytest -q tests/end_to_end

chaos: setup ## each call to AWS fails once, over weeks of the loop
	$(BIN)/pytest -q tests/chaos

test-localstack: setup ## data and monitoring stacks on LocalStack
	@$(BIN)/python -m localstack_host setup
	$(BIN)/pytest -q -m localstack tests/contract/localstack

test-mlflow: setup .venv-mlflow/.installed ## the mirror of the registry, against a real MLflow server
	$(BIN)/pytest -q -m mlflow tests/contract/release

.venv-mlflow/.installed: requirements/mlflow-server.txt | .venv/.installed
	@$(UV) venv --quiet --clear --python $(BIN)/python .venv-mlflow
	@$(UV) pip sync --quiet --python .venv-mlflow/bin/python --require-hashes $<
	@touch $@

bench: setup $(patsubst %,.venv-bench/%/.installed,evidently nannyml scouter alibi) ## speed, as ratios against peers in the same run
	$(BIN)/python -m bench.drift $(BENCH_OPTIONS)

bench-store: setup $(patsubst %,.venv-bench/%/.installed,duckdb feast) ## the feature store beside plain files, DuckDB and Feast
	$(BIN)/python -m bench.store

bench-cloud: setup ## the embedded cloud under load: 32 clients, and a burst of batches
	$(BIN)/python -m bench.local_cloud

bench-jobs: setup ## memory and time of training containers, beside what their size is estimated from
	$(BIN)/python -m bench.jobs

bench-serving: setup $(patsubst %,.venv-bench/%/.installed,onnx onnx-convert treelite mlflow bentoml) ## a prediction, beside scikit-learn, ONNX Runtime, treelite, MLflow and BentoML
	$(BIN)/python -m bench.serving

bench-explanations: setup ## an explained row beside a predicted one, and what explanations add to an artifact
	$(BIN)/python -m bench.explanations

calibrate: setup ## false alarms and power of the drift verdicts, simulated and on real days
	$(BIN)/python -m bench.calibration
	$(BIN)/python -m bench.flights_days

decisions: setup ## what the declared policy gains over public streams, beside simple ones
	$(BIN)/python -m bench.decisions

decline: setup ## false alarms and delay of the test of realised performance, simulated
	$(BIN)/python -m bench.decline

intervals: setup ## how often the gate's intervals hold, with few days, simulated
	$(BIN)/python -m bench.intervals

rollouts: setup ## false alarms and delay of what takes a contender back, simulated
	$(BIN)/python -m bench.rollouts

security: setup ## docs/security.md, who may do what, from the templates
	PATH=$(BIN):$$PATH $(BIN)/python -m infra.permissions

reference: setup ## pages of docs/ and schemas that are told from the code
	$(BIN)/python -m reference docs
	$(BIN)/python -m tests.builders.supported_models docs/models.md

screenshots: setup ## docs/images, pages as pictures; needs chromium
	$(BIN)/python -m reference.screenshots docs

windows: setup ## windows and their later metric, on real flights with labels a week late
	$(BIN)/python -m bench.windows

# Each peer pins what others pin otherwise.
.venv-bench/%/.installed: requirements/bench-%.txt | .venv/.installed
	@$(UV) venv --quiet --clear --python $(BIN)/python .venv-bench/$*
	@$(UV) pip sync --quiet --python .venv-bench/$*/bin/python --require-hashes $<
	@touch $@

# Every target is one line; the logic lives in deploy/setup.sh and in the edgefuse command.
BIN := .venv/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup check fix test e2e soak bench demo train-all smoke-arm64

help: ## this list
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 20

setup: ## .venv with everything a developer needs, and the models
	@deploy/setup.sh dev

check: ## format, lint, types, layers, dependencies (changes nothing)
	@deploy/setup.sh tools && $(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/deptry .

fix: ## format and repair what ruff can repair
	@deploy/setup.sh tools && $(BIN)/ruff format . && $(BIN)/ruff check --fix .

test: ## the whole suite (ARGS="-k voice -x" to choose)
	@deploy/setup.sh dev && $(BIN)/pytest $(ARGS)

e2e: ## only the tests with a real broker or the daemon as a process
	@deploy/setup.sh dev && $(BIN)/pytest -m e2e $(ARGS)

soak: ## hours under load, with a broker that dies every minute (MINUTES=480)
	@deploy/setup.sh dev && EDGEFUSE_SOAK_MINUTES=$(or $(MINUTES),60) $(BIN)/pytest tests/soak -s $(ARGS)

bench: ## latency, CPU and memory, with the ratios that are promised
	@deploy/setup.sh dev && $(BIN)/python tests/bench/run.py $(ARGS)

demo: ## 90 s of a recorded hall through the real daemon, broker and models
	@deploy/setup.sh demo && $(BIN)/edgefuse demo $(ARGS)

train-all: ## every recipe of models/recipes, with a report (the data: EDGEFUSE_DATA, default ../shared/data)
	@deploy/setup.sh dev && deploy/train-all.sh $(ARGS)

smoke-arm64: ## import, load and run each small model as aarch64 code, under qemu-user
	@deploy/setup.sh dev && deploy/smoke-arm64.sh

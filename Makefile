# Each target works by itself in a fresh clone: `install` runs first and does nothing when all is there.
export PATH := $(CURDIR)/.tools/bin:$(PATH)
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help install install-for-tests demo dagit test check benchmark clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

install: ## what is missing: Debian's tools (as root), the Python environment, GATK
	@docker/tools/install.sh

install-for-tests:
	@docker/tools/install.sh docker/tools/debian-test.txt

demo: install ## the whole pipeline on data it makes itself, into demo/
	uv run --frozen bioinfo-assets demo --output-path demo

dagit: install ## Dagster's web server and daemon on what the demo made
	uv run --frozen bioinfo-assets dagit --output-path demo

test: install-for-tests ## the tests, with the real tools
	uv run --frozen pytest -n 2 --dist loadgroup

check: install-for-tests ## what CI runs: lock, lint, format, types, doctests and tests
	uv lock --check
	uv run --frozen ruff check
	uv run --frozen ruff format --check
	uv run --frozen mypy
	uv run --frozen pytest -n 2 --dist loadgroup

benchmark: install ## the figures of docs/, measured again on this machine
	uv run --frozen python -m benchmarks

clean: ## what the commands above left in the clone, tools and environment too
	rm -rf .tools .venv demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Each target works by itself in a fresh clone: `install` runs first and does nothing when all is there.
export PATH := $(CURDIR)/.tools/bin:$(PATH)
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install install-for-tests demo dagit test check benchmark clean login create-repo \
	build build-local push bash bash-local

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20
	@echo; echo 'The image of the tools: make TARGET NAME=VALUE ...'
	@sed -n 's/^\([A-Z0-9_]*\) ?=.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 20

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

# The image of the tools that jobs run in. AWS is asked only for what is not given and a target needs.
AWS ?= $(firstword $(wildcard $(CURDIR)/.venv/bin/aws) aws)## the AWS CLI; default: that of `make install`
DOCKER ?= $(or $(shell docker/engine.sh client),false)## the docker client; default: the first that has BuildKit
AWS_REGION ?= $(or $(AWS_DEFAULT_REGION),$(shell $(AWS) configure get region))## default: the AWS CLI's own
AWS_ACCOUNT ?= $(shell $(AWS) sts get-caller-identity --region '$(region)' --query Account --output text)## default: who the AWS CLI is
REPOSITORY ?= bioinfo-assets## the repository's name in ECR
TAG ?= $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)## the image's tag there; default: this version
LOCAL_IMAGE ?= bioinfo-assets-tools:local## the name that build-local gives
BASE ?= debian:bookworm-slim## the image to build on: Debian 12 or later
DEBIAN_SOURCES ?=## lines of apt's sources.list in place of the base's own, as a snapshot
BWA_MEM2_URL ?=## a release's archive of bwa-mem2 for Linux; without it jobs align with bwa
BWA_MEM2_SHA256 ?=## its digest, without which it is refused
CA ?= $(or $(SSL_CERT_FILE),$(wildcard /etc/ssl/certs/ca-certificates.crt))## certificates the build trusts; default: this machine's
REVISION ?= $(shell git describe --always --dirty 2>/dev/null)

registry = $(or $(AWS_ACCOUNT),$(error who are you at AWS? set AWS_ACCOUNT)).dkr.ecr.$(region).amazonaws.com
region = $(or $(AWS_REGION),$(error which region? set AWS_REGION))
image = $(registry)/$(REPOSITORY):$(TAG)
# Build arguments are read from the environment, where their text needs no quoting.
build-arguments = BASE DEBIAN_SOURCES BWA_MEM2_URL BWA_MEM2_SHA256 REVISION
export $(build-arguments)
secret = --secret id=ca,src='$(CA)'
docker-build = DOCKER_BUILDKIT=1 $(DOCKER) build --file docker/Dockerfile $(if $(CA),$(secret)) \
	$(addprefix --build-arg ,$(build-arguments))

login: ## lets docker push to your registry in ECR, for twelve hours
	@registry='$(registry)' && $(AWS) ecr get-login-password --region '$(region)' | \
		$(DOCKER) login --username AWS --password-stdin "$$registry"

create-repo: ## makes the repository in ECR (deploy/batch.yaml makes one as well)
	@$(AWS) ecr create-repository --region '$(region)' --repository-name '$(REPOSITORY)' \
		--image-tag-mutability IMMUTABLE --image-scanning-configuration scanOnPush=true \
		--query repository.repositoryUri --output text

build: ## the image, tagged for ECR
	$(docker-build) --tag '$(image)' .

build-local: ## the image, for this machine
	$(docker-build) --tag '$(LOCAL_IMAGE)' .

push: ## the image to ECR; says what the setting `image` is to be
	@image='$(image)' && $(DOCKER) push "$$image" && printf '\nimage = "%s"\n' "$$($(DOCKER) image inspect \
		--format '{{range .RepoDigests}}{{println .}}{{end}}' "$$image" | grep -F "$${image%:*}@")"

bash: ## a shell in the image of ECR
	@$(DOCKER) run --rm --interactive --tty '$(image)' bash

bash-local: ## a shell in the image of this machine
	@$(DOCKER) run --rm --interactive --tty '$(LOCAL_IMAGE)' bash

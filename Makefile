# Each target works by itself in a fresh clone: it runs `install` first, which does nothing if everything is installed.
export PATH := $(CURDIR)/.tools/bin:$(PATH)
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install install-gatk install-for-tests demo dagit docs test test-long faults soak fuzz fuzz-engine screenshots audit sbom genome-shaped coverage check benchmark clean login \
	create-repo build build-local build-deployment deployment push bash bash-local smoke-aws

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20
	@echo; echo 'Variables of the container image: make TARGET NAME=VALUE ...'
	@sed -n 's/^\([A-Z0-9_]*\) ?=.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 20

install: ## install what is missing: Debian's tools (as root), the Python environment, the engine
	@docker/tools/install.sh

install-gatk: ## install GATK and Picard too, for `engine = "gatk"` and `verify --against gatk`
	@docker/tools/install.sh docker/tools/debian-gatk.txt

install-for-tests:
	@docker/tools/install.sh docker/tools/debian-gatk.txt docker/tools/debian-test.txt

demo: install ## run the whole pipeline on simulated data, into demo/
	.venv/bin/bioinfo-assets demo --output-path demo

dagit: install ## show the demo's results in Dagit, Dagster's web pages
	.venv/bin/bioinfo-assets dagit --output-path demo

docs: install ## build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 uv run --frozen mkdocs build --strict

test: install-for-tests ## run the tests, with the real tools
	uv run --frozen pytest -n 5 --dist loadgroup

test-long: install-for-tests ## run the tests that take minutes each and are not part of `make test`
	@docker/tools/install.sh docker/tools/debian-gatk.txt docker/tools/debian-test.txt docker/tools/debian-long.txt
	TESTS_NEED_DOCKER=yes uv run --frozen pytest -m long

ROUNDS ?= 50## rounds of each kind of fault in `make faults`

faults: install-for-tests ## strike runs with faults at random moments, again and again (hours; FAULTS_SEED=N repeats a round)
	@docker/tools/install.sh docker/tools/debian-gatk.txt docker/tools/debian-test.txt docker/tools/debian-long.txt
	FAULTS_ROUNDS='$(ROUNDS)' uv run --frozen pytest -m long bioinfo_assets_tests/faults

SOAK ?= 3600## seconds of `make soak`

soak: install-for-tests ## work for an hour while AWS, which is simulated, fails at fixed rates: nothing is lost, nothing grows
	uv run --frozen python -m benchmarks.soak '$(SOAK)'

fuzz: install ## give each parser of outside text a hundred thousand malformed inputs (ten minutes)
	uv run --frozen python -m bioinfo_assets_tests.fuzzing

fuzz-engine: install-for-tests ## search for an hour for inputs on which the engine crashes, or differs from GATK and Picard
	ENGINE_FUZZ_SECONDS=300 ENGINE_FUZZ_EXAMPLES=2000 uv run --frozen pytest -m 'long or not long' \
		bioinfo_assets_tests/engine/test_fuzz.py bioinfo_assets_tests/engine/test_differential.py

screenshots: install-for-tests ## take the documentation's pictures of Dagit again, before a release
	SCREENSHOTS='$(CURDIR)/docs/images' uv run --frozen pytest bioinfo_assets_tests/web/test_pages_in_browser.py

genome-shaped: install-for-tests ## run each step after alignment on a human genome's contigs, in containers (an hour)
	TESTS_NEED_DOCKER=yes uv run --frozen pytest -m genome_shaped -s bioinfo_assets_tests/genome_shaped

coverage: install-for-tests ## run the tests and list the branches of the product that none of them takes
	uv run --frozen coverage erase
	uv run --frozen coverage run -m pytest -n 5 --dist loadgroup
	uv run --frozen coverage combine --quiet
	uv run --frozen coverage report --show-missing

check: install-for-tests ## run lint, format, type and lock checks, doctests and tests
	uv lock --check
	uv run --frozen ruff check
	uv run --frozen ruff format --check
	uv run --frozen mypy && uv run --frozen mypy docs/build.py docker/tools/bwa-mem3
	uv run --frozen pytest -n 5 --dist loadgroup

# Vulnerabilities that do not concern this project: `--ignore ID`, or `--ignore-until-fixed ID`, each with a line on why.
accepted-vulnerabilities =

OSV ?= https://api.osv.dev## the database of vulnerabilities that `make audit` asks

audit: install ## look up known vulnerabilities of the packages in uv.lock, at osv.dev
	@report=$$(uv audit --preview-features audit-command --frozen --service-url '$(OSV)' $(accepted-vulnerabilities) 2>&1); \
	code=$$?; printf '%s\n' "$$report"; \
	case $$report in *'error sending request'*) \
		echo 'Nothing was checked: the database of vulnerabilities at $(OSV) cannot be reached.' >&2; [[ -z $$CI ]] ;; \
		*) exit $$code ;; esac

sbom: install ## list what the environment and the image consist of, as CycloneDX, in dist/
	@mkdir -p dist
	uv export --quiet --frozen --no-default-groups --group tools --format cyclonedx1.5 --output-file dist/sbom-environment.json
	@$(DOCKER) image inspect '$(LOCAL_IMAGE)' >/dev/null 2>&1 || { \
		echo 'dist/sbom-image.json is not written: there is no image $(LOCAL_IMAGE); make build-local builds it'; exit 0; }; \
	$(DOCKER) run --rm --network none '$(LOCAL_IMAGE)' cat /opt/bioinfo-assets/debian-packages.tsv \
		| uv run --frozen python docker/sbom.py '$(LOCAL_IMAGE)' >dist/sbom-image.json

benchmark: install ## measure the figures of docs/benchmarks.md on this machine
	uv run --frozen python -m benchmarks

clean: ## delete what the commands above wrote into the clone, with tools and environment
	rm -rf engine/build engine/build-memory engine/build-threads engine/build-fuzz .tools .venv demo dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*

# The container image with the tools. AWS is queried only for what a target needs and no variable sets.
AWS ?= $(firstword $(wildcard $(CURDIR)/.venv/bin/aws) aws)## the AWS CLI; default: the one from `make install`
DOCKER ?= $(or $(shell docker/engine.sh client),false)## the docker client; default: the first that has BuildKit
AWS_REGION ?= $(or $(AWS_DEFAULT_REGION),$(shell $(AWS) configure get region))## default: the AWS CLI's region
AWS_ACCOUNT ?= $(shell $(AWS) sts get-caller-identity --region '$(region)' --query Account --output text)## default: the account of the AWS CLI's credentials
REPOSITORY ?= bioinfo-assets## name of the repository in ECR
TAG ?= $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)## tag of the image; default: this version
LOCAL_IMAGE ?= bioinfo-assets-tools:local## name of the image that build-local builds
COMPOSE ?= $(if $(shell docker compose version 2>/dev/null),docker compose,docker-compose)## the client of `deployment`
DEPLOYMENT_TAG ?= local## tag of the images that build-deployment builds
BASE ?= debian:bookworm-slim## base image: Debian 12 or later; the deployment needs 12
DEBIAN_SOURCES ?=## lines for apt's sources.list, for example of a snapshot; default: those of the base image
BWA_MEM2_URL ?=## URL of a bwa-mem2 release for Linux; without it, jobs align with bwa
BWA_MEM2_SHA256 ?=## SHA-256 of that release; required with BWA_MEM2_URL
CA ?= $(or $(SSL_CERT_FILE),$(wildcard /etc/ssl/certs/ca-certificates.crt))## certificates that the build trusts; default: those of this machine
REVISION ?= $(shell git describe --always --dirty 2>/dev/null)

registry = $(or $(AWS_ACCOUNT),$(error AWS account is unknown: set AWS_ACCOUNT)).dkr.ecr.$(region).amazonaws.com
region = $(or $(AWS_REGION),$(error AWS region is unknown: set AWS_REGION))
image = $(registry)/$(REPOSITORY):$(TAG)
# docker reads build arguments from the environment, where their values need no quoting.
build-arguments = BASE DEBIAN_SOURCES BWA_MEM2_URL BWA_MEM2_SHA256 REVISION
export $(build-arguments)
secret = --secret id=ca,src='$(CA)'
docker-build = DOCKER_BUILDKIT=1 $(DOCKER) build --file docker/Dockerfile $(if $(CA),$(secret)) \
	$(addprefix --build-arg ,$(build-arguments))

login: ## log docker in to your registry in ECR, for twelve hours
	@registry='$(registry)' && $(AWS) ecr get-login-password --region '$(region)' | \
		$(DOCKER) login --username AWS --password-stdin "$$registry"

create-repo: ## create the repository in ECR (deploy/batch.yaml also creates one)
	@$(AWS) ecr create-repository --region '$(region)' --repository-name '$(REPOSITORY)' \
		--image-tag-mutability IMMUTABLE --image-scanning-configuration scanOnPush=true \
		--query repository.repositoryUri --output text

build: ## build the image for machines on AWS, tagged for ECR
	$(docker-build) --platform linux/amd64 --tag '$(image)' .

build-local: ## build the image for this machine
	$(docker-build) --tag '$(LOCAL_IMAGE)' .

build-deployment: build-local ## build the images of deploy/compose for this machine
	for name in app database proxy; do \
		DOCKER_BUILDKIT=1 $(DOCKER) build --file deploy/compose/Dockerfile $(if $(CA),$(secret)) --target "$$name" \
			--build-arg TOOLS='$(LOCAL_IMAGE)' --tag "bioinfo-assets-$$name:$(DEPLOYMENT_TAG)" . || exit 1; done

deployment: build-deployment ## build the images of deploy/compose and start its services (docs/guides/deployment.md)
	cd deploy/compose && $(COMPOSE) up --detach

push: ## push the image to ECR, and print the setting `image` for it
	@image='$(image)' && $(DOCKER) push "$$image" && printf '\nimage = "%s"\n' "$$($(DOCKER) image inspect \
		--format '{{range .RepoDigests}}{{println .}}{{end}}' "$$image" | grep -F "$${image%:*}@")"

smoke-aws: install ## test on your AWS account, for a few dollars, what is assumed about AWS: it asks first (deploy/README.md)
	@uv run --frozen python -m smoke_aws $(SMOKE)

bash: ## open a shell in the image from ECR
	@$(DOCKER) run --rm --interactive --tty '$(image)' bash

bash-local: ## open a shell in the image of this machine
	@$(DOCKER) run --rm --interactive --tty '$(LOCAL_IMAGE)' bash

# Every command that a person needs. `make help` lists them.
PYTHON ?= python3 python3.13 python3.12 python3.11
BIN := .venv/bin
# requirements.lock holds every package of every set, with its hashes; a set is what pyproject.toml names, at those versions.
UV_INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode
LOCKED := $(UV_INSTALL) --require-hashes -c requirements.lock -r pyproject.toml --extra local
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url
# What stays together and what comes first, lakehouse_assets_tests/conftest.py says. Three workers for two cores: some tests mostly wait.
PYTEST_SIDE_BY_SIDE := -n 3 --dist loadgroup --no-loadscope-reorder
FIND_PYTHON = for python in $(PYTHON); do \
		$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && break || python=; \
	done; \
	test -n "$$python" || { echo "Python 3.11, 3.12 or 3.13 is needed. Install one, or say where it is: make PYTHON=/path/to/python3.12 ..."; exit 1; }

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup spark server demo test test-fast test-trino check check-deploy format docs picture reference dist bench synth deploy ui smoke acceptance destroy diff lock log-store clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: .venv/installed ## install into .venv; afterwards .venv/bin/lakehouse works from anywhere

spark: .venv/installed-spark ## install Spark as well (needs Java 17; downloads 480 MB)

server: .venv/installed-server ## install what Dagster on one server needs as well: PostgreSQL's driver (docs/how-to/run-on-one-server.md)

demo: $(if $(filter-out embedded,$(ENGINE)),.venv/installed-spark,.venv/installed) ## see it all: sample files become tables, a report, an answer; leaves nothing behind; ENGINE=spark: on Spark
	@$(BIN)/lakehouse demo $(if $(ENGINE),--engine $(ENGINE))

test: .venv/installed-spark .venv/installed-trino .venv/installed-dev .venv/installed-deploy ## the whole test suite (needs Java 17; downloads Spark, 480 MB, and Trino, 880 MB)
	$(BIN)/pytest $(PYTEST_SIDE_BY_SIDE)

test-fast: .venv/installed-dev .venv/installed-deploy ## the tests that need neither Spark nor Trino nor Java
	$(BIN)/pytest $(PYTEST_SIDE_BY_SIDE) -m "not spark and not trino"

test-trino: .venv/installed-trino .venv/installed-dev ## the tests that ask Trino, Athena's engine (downloads 880 MB; 540 MB stay)
	$(BIN)/pytest lakehouse_assets_tests/trino

check: .venv/installed-dev .venv/installed-pyspark check-deploy docs ## format, lint, types, contracts, templates, workflows, container files, documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/hadolint lakehouse_assets/server/Dockerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec lakehouse_assets/server/compose.yaml
	@for contract in lakehouse_assets/contracts/*.odcs.yaml; do $(BIN)/datacontract lint $$contract || exit 1; done
	DAGSTER_HOME= $(BIN)/dagster definitions validate

# cdk-nag checks each synthesis (make synth, and the test that the templates are fresh).
check-deploy: .venv/installed-deploy ## lint the CloudFormation templates, the state machines and the workflows
	$(BIN)/cfn-lint lakehouse_assets/templates/*.json aws_deploy/deploy-role.yaml
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory aws_deploy/node_modules/.installed && $(BIN)/python -m aws_deploy.lint_states; \
	else echo "asl-validator was left out: it runs on Node.js, which is not installed."; fi
	$(BIN)/zizmor --offline --quiet --no-progress .github/workflows
	@if command -v go >/dev/null; then $(MAKE) --no-print-directory $(BIN)/actionlint && $(BIN)/actionlint; \
	else echo "actionlint was left out: it is built with Go, which is not installed."; fi

format: .venv/installed-dev ## bring the code into the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: .venv/installed-docs ## build the documentation into site/, and check its links and anchors
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build # with --quiet it would not count its warnings, and never fail

picture: ## draw docs/architecture.svg anew after a change of docs/architecture.mmd (needs Node.js; it fetches a Chromium of its own)
	@npx --yes @mermaid-js/mermaid-cli@11.12.0 $(if $(PUPPETEER),--puppeteerConfigFile $(PUPPETEER)) --input docs/architecture.mmd --output docs/architecture.svg

reference: .venv/installed-deploy ## write the generated pages of docs/ anew after a change of commands, settings, contracts or queries
	@$(BIN)/python -m docs_reference

dist: .venv/installed ## build the wheel and the source distribution into dist/
	@rm -rf dist
	@$(BIN)/python -m hatchling build

bench: .venv/installed-spark .venv/installed-dev ## measure speed and memory; results go to benchmarks/results
	$(BIN)/python -m benchmarks

synth: .venv/installed-deploy ## make the CloudFormation templates anew after a change of aws_deploy/, the contracts or sql/ (needs Node.js 20 or later)
	@$(BIN)/python -m aws_deploy.synth

deploy: .venv/installed-deploy ## create or update everything in the AWS account of your environment (docs/how-to/deploy-to-aws.md); YES=1 asks nothing
	@$(BIN)/python -m aws_deploy.deploy up $(if $(YES),--yes)

ui: .venv/installed-deploy ## open Dagster's user interface on ECS at http://127.0.0.1:3000, by a session of AWS Systems Manager; UI_PORT=8080: at another port
	@$(BIN)/python -m aws_deploy.deploy ui $(if $(UI_PORT),--port $(UI_PORT))

smoke: .venv/installed-deploy ## ask a deployment whether it works; LOAD=1 loads sample files into it
	@$(BIN)/python -m aws_deploy.deploy smoke $(if $(LOAD),--load)

acceptance: .venv/installed-deploy ## does everything work in an account? Deploys under names of its own, loads a batch by each path, reports, removes it; YES=1 asks nothing, KEEP=1 removes nothing
	@$(BIN)/python -m aws_deploy.acceptance $(if $(YES),--yes) $(if $(KEEP),--keep)

destroy: .venv/installed-deploy ## remove the deployment; DATA=1 also the bucket and all that is in it; DAGSTER=1 only Dagster on ECS; YES=1 asks nothing
	@$(BIN)/python -m aws_deploy.deploy down $(if $(YES),--yes) $(if $(DATA),--data) $(if $(DAGSTER),--dagster)

diff: .venv/installed-deploy aws_deploy/node_modules/.installed ## what a deployment would change, by CDK's command line
	@cd aws_deploy && JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20 npx --no-install cdk diff --method=template

lock: .venv/installed .venv/installed-pyspark ## resolve the dependencies and Spark's jars anew after a change of pyproject.toml or ivy.xml
	$(LOCK) --group setup -o requirements-setup.lock
	$(LOCK) --all-extras --group dev --group deploy --group docs --group trino pyproject.toml -o requirements.lock
	$(BIN)/python -m lakehouse_assets.local.spark lock

log-store: .venv/installed-spark ## compile Spark's log store anew after a change of its Java source (needs a JDK of Java 17): commit the jar
	@$(BIN)/python -m lakehouse_assets.local.spark log-store

clean: ## remove what setup installed (.venv); DATA=1 also the lakehouse that is here, with all its data (.lakehouse)
	rm -rf .venv aws_deploy/node_modules aws_deploy/cdk.out $(if $(DATA),.lakehouse)

.venv/uv: requirements-setup.lock
	@$(FIND_PYTHON); \
	echo "Setting up .venv with $$($$python --version) ..."; \
	$$python -m venv --clear .venv || { echo "Python's venv module is missing. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-setup.lock
	@touch $@

.venv/installed: .venv/uv requirements.lock pyproject.toml
	@echo "Installing the locked packages (requirements.lock) ..."
	@$(LOCKED)
	@$(UV_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-server: .venv/installed
	@echo "Installing the locked packages for a server ..."
	@$(LOCKED) --extra server
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "Installing the locked packages for development ..."
	@$(LOCKED) --extra server --group dev
	@touch $@

.venv/installed-deploy: .venv/installed
	@echo "Installing the locked packages for the deployment ..."
	@$(LOCKED) --group deploy
	@touch $@

.venv/installed-docs: .venv/installed
	@echo "Installing the locked packages for the documentation ..."
	@$(LOCKED) --group docs
	@touch $@

# From Go's module proxy, which has it as its authors released it; the PyPI package of that name would download a program from elsewhere.
$(BIN)/actionlint: Makefile
	@GOBIN="$(CURDIR)/$(BIN)" go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
	@touch $@

aws_deploy/node_modules/.installed: aws_deploy/package-lock.json
	@cd aws_deploy && npm ci --no-audit --no-fund
	@touch $@

.venv/installed-pyspark: .venv/installed
	@echo "Installing the locked packages for Spark (pyspark is 450 MB) ..."
	@$(LOCKED) --extra spark --no-build-isolation-package pyspark
	@touch $@

# Java comes first, before anything is downloaded; hence .venv/installed-pyspark is made in here and is no prerequisite.
.venv/installed-spark: requirements-setup.lock requirements.lock pyproject.toml lakehouse_assets/local/spark/jars.lock
	@$(FIND_PYTHON); $$python -m lakehouse_assets.local.spark java
	@$(MAKE) --no-print-directory .venv/installed-pyspark
	@$(BIN)/python -m lakehouse_assets.local.spark jars
	@$(BIN)/python -m lakehouse_assets.local.spark classes
	@touch $@

# Its downloader is Spark's: the Ivy that pyspark ships, on Java 17.
.venv/installed-trino: .venv/installed-spark lakehouse_assets_tests/trino/server.lock
	@echo "Installing the locked packages for Trino (its Java is 60 MB) ..."
	@$(LOCKED) --group trino
	@$(BIN)/python -m lakehouse_assets_tests.trino.installation
	@touch $@

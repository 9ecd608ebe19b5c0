# Needs python3 (3.11 or newer), make and a network; everything else is brought.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
TEMPLATE := manager/gotemplate/template.wasm

# Tests start Python hundreds of times; where it keeps no compiled files, each start compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup conformance template cluster shipped branches test lint style types layers budgets fmt bench soak demo lock audit-lock site-lock crds docs site verify audit sbom matrix clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 13

setup: $(INSTALLED) ## the Python environment, as locked

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"Python 3.11 or newer is needed, this is {v[0]}.{v[1]}; try: make PYTHON=python3.13")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9

$(INSTALLED): requirements.lock pyproject.toml $(BIN)/uv
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

conformance: setup ## ask native Go again what templates give, and show what changed
	$(BIN)/python -m tests.conformance.gotemplate

template: $(TEMPLATE) ## the sandbox for Go templates, compiled to WebAssembly

$(TEMPLATE): $(INSTALLED) tools/template.py $(shell find manager/gotemplate/go -type f)
	$(BIN)/python -m tools.template
	@touch $@
	@$(BIN)/python -P -m manager.gotemplate.artefact --cache >/dev/null

cluster: setup ## etcd, kube-apiserver, …, helm and vault into a cache outside the checkout
	@$(BIN)/python -m tests.cluster.build etcd kube-apiserver kube-controller-manager kubectl helm kubeseal vault >/dev/null

lint: style types layers budgets ## style, types, layers and size budgets

style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports

budgets: setup
	$(BIN)/python tools/budgets.py

# What needs no cluster runs beside each other; each output is printed in one piece.
BESIDE := --jobs=3 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

test: setup template cluster ## everything but what must take long
	@$(MAKE) --no-print-directory $(BESIDE) lint shipped branches
	$(BIN)/pytest -m "not soak" -n 3 --dist loadgroup --no-loadscope-reorder

branches: setup template ## branch coverage of what decides: at least 95 % of each module, by its own unit tests
	$(BIN)/python -m tools.branches

shipped: setup template ## the unit tests on the image's Python, where this machine has it
	@PYTHONS=image KUBERNETES=none $(BIN)/python -m tests.matrix

soak: template cluster ## what must take long: quiet, fuzz, scale
	$(BIN)/pytest -m "soak or hypothesis"

bench: template cluster ## the figures, on this machine
	$(BIN)/python -m tests.bench

demo: template ## the whole story on a real API server; KEEP=1 leaves it running
	@KEEP=$(KEEP) $(BIN)/python -m tests.demo

fmt: setup ## format and fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

crds: setup ## the chart's CRDs, lists of generators and providers, values.schema.json: from models, registries, settings
	$(BIN)/python -m tools.crds
	$(BIN)/python -m tools.chart_schema

docs: setup ## what is made from code: docs/settings.md, docs/metrics.md, docs/providers.md, docs/fields.md, README and dashboards of the chart, the version
	$(BIN)/python -m tools.version
	$(BIN)/python -m tools.settings_doc
	$(BIN)/python -m tools.metrics_doc
	$(BIN)/python -m tools.providers_doc
	$(BIN)/python -m tools.fields_doc
	$(BIN)/python -m tools.chart_readme
	$(BIN)/python -m tools.dashboards

verify: setup ## fails where CRDs, schema, generated pages or locks are not what the code says
	$(BIN)/python -m tools.verify

LOCKED := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet

lock: OUT ?= requirements.lock
lock: $(BIN)/uv ## requirements.lock from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev $(LOCKED) -o $(OUT)

audit-lock: OUT ?= tools/audit.lock
audit-lock: $(BIN)/uv ## tools/audit.lock from tools/audit.in
	$(BIN)/uv pip compile tools/audit.in $(LOCKED) -o $(OUT)

site-lock: OUT ?= tools/site.lock
site-lock: $(BIN)/uv ## tools/site.lock from tools/site.in
	$(BIN)/uv pip compile tools/site.in $(LOCKED) -o $(OUT)

audit: setup ## known vulnerabilities of the locked packages (OSV) and of the Go module (govulncheck); needs a network
	$(BIN)/python -m tools.audit

sbom: setup ## the bill of materials of this commit, CycloneDX
	@$(BIN)/python -m tools.sbom

site: $(INSTALLED) ## docs/ as a site in dist/site; a dead link or a page outside of the navigation fails
	@test -d .venv/site || $(BIN)/uv venv --quiet .venv/site
	$(BIN)/uv pip sync --quiet --python .venv/site/bin/python --require-hashes tools/site.lock
	NO_MKDOCS_2_WARNING=1 .venv/site/bin/mkdocs build --strict --quiet

matrix: setup template cluster ## unit tests on every Python, end-to-end tests on every Kubernetes; PYTHONS=, KUBERNETES=
	PYTHONS="$(PYTHONS)" KUBERNETES="$(KUBERNETES)" $(BIN)/python -m tests.matrix

clean: ## all that make made in the checkout; the cache of binaries stays
	rm -rf manager/gotemplate/template.wasm manager/gotemplate/template.inputs manager/gotemplate/template.cwasm .venv .demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

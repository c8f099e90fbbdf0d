# CNN Guide: `make help` lists the targets. Everything generated is in .venv/, build/ and
# docs/*/gallery/; nothing is done twice.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SECONDARY: # keep the stamps
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
PORT ?= 8000
PY := .venv/bin/python
READY := .venv/ready
PACKAGE := $(shell find cnnguide -name '*.py' -o -name '*.mo')
SETTINGS := docs/conf.py $(shell find docs/_ext docs/_templates docs/_static docs/locale -type f -not -name '*.mo' -not -name '*.pyc')
CATALOGUE := cnnguide/locale/zh/LC_MESSAGES/cnnguide

.PHONY: help html site serve test lint chromium bench messages reference reviewed clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

html: $(READY) ## build the site in both languages into build/html/
	@$(MAKE) --no-print-directory -j2 site
	@echo "Open build/html/index.html, or run: make serve"

serve: html ## build the site and serve it on localhost (PORT=8000)
	@echo "Serving on http://localhost:$(PORT)/ (Ctrl-C ends it)"
	@$(PY) -m http.server --bind 127.0.0.1 --directory build/html $(PORT)

test: lint html chromium ## check and test everything
	$(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: $(READY) ## check style and types
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy

chromium: $(READY) ## find a Chromium for the browser tests, or install one
	@$(PY) -m tests.site.chromium

bench: html ## measure speed and size by ratio
	@$(PY) -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[bench]'
	$(PY) -m tests.bench.measure

messages: $(READY) ## bring the package's Chinese messages up to date
	@mkdir -p build
	$(PY) -m babel.messages.frontend -q extract --no-default-keywords -k message -k value_error -k type_error --sort-by-file --no-wrap --add-location=file -o build/cnnguide.pot cnnguide
	$(PY) -m babel.messages.frontend -q update -i build/cnnguide.pot -o $(CATALOGUE).po -l zh --no-wrap --ignore-obsolete --ignore-pot-creation-date
	$(PY) -m babel.messages.frontend -q compile -i $(CATALOGUE).po -o $(CATALOGUE).mo --statistics
	$(PY) -m babel.messages.frontend -q compile -i $(dir $(CATALOGUE))click.po -o $(dir $(CATALOGUE))click.mo

reference: $(READY) ## bring the Chinese catalogue of the docstrings up to date
	$(PY) -m docs._ext.docstrings

reviewed: $(READY) ## record that both languages say the same (ONE_SIDED=yes: one side's typo)
	$(PY) -m tests.site.parity --reviewed $(if $(ONE_SIDED),--one-sided)

clean: ## delete everything generated, but for .venv
	rm -rf build docs/en/gallery docs/zh/gallery docs/locale/*/LC_MESSAGES/*.mo

# ---- how it is done ----

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "CNN Guide needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --disable-pip-version-check -c constraints.txt -e '.[docs,test]'
	@touch $@

site: build/site.done

build/site.done: build/en.done build/zh.done docs/index.html
	@cp docs/index.html build/html/index.html
	@$(PY) -m pagefind --site build/html --exclude-selectors '.headerlink' --exclude-selectors '.sphx-glr-download-link-note' --exclude-selectors '.sphx-glr-footer' --exclude-selectors '.sphx-glr-thumbnails'
	@touch $@

# What was executed with another package is stale, and so are pages made with other settings.
build/%.package: $(PACKAGE) $(READY) docs/_ext/motion.py
	@mkdir -p build
	@rm -rf build/cells/$* docs/$*/gallery build/doctrees/$*
	@touch $@

build/%.settings: $(SETTINGS) $(READY)
	@mkdir -p build
	@rm -rf build/doctrees/$*
	@touch $@

# The two languages are built side by side; each line of their progress says whose it is.
# Folders count too: they change when a page is deleted. One thread for each build: two side by
# side are slower with more, and networks trained on the pages come out the same every time.
.SECONDEXPANSION:
build/%.done: build/%.package build/%.settings \
    $$(shell find docs/$$* -name gallery -prune -o -print) $$(shell find examples/$$* -not -name '*.pyc')
	@OMP_NUM_THREADS=1 $(PY) -m sphinx -W -n --keep-going -c docs -t $* -d build/doctrees/$* docs/$* build/html/$* 2>&1 \
	  | awk '{ print "[$*] " $$0; fflush() }'
	@touch $@

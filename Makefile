# The one task file: people, the README and .ci/run call these targets. `make help` lists them.
.DEFAULT_GOAL := help
.NOTPARALLEL:   # environments build the package in the same folder
SHELL := /bin/sh

VENV := .venv
VENV_FIELD := .venv-field
VENV_TEST := .venv-test
VENV_SIZE := .venv-size
VENV_WEB := .venv-web
SIZE_LIMIT_MB := 300

# The interpreter of a new environment: the first on the path that is new enough, or PYTHON=...
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11 python3.10 python; do \
	if "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; \
	then echo "$$p"; break; fi; done)
endif

PYTEST_ARGS ?=
FACTS ?= ../shared/facts
PHOTOS ?= ../shared/minerals
RUNS ?= runs/release
BUNDLE ?= src/mineralid/models/default
ADDRESS ?= 127.0.0.1
PORT ?= 8000

WITH_EXTRAS := .[heic,web,lab,test]
PACKAGING := pyproject.toml constraints.txt
SOURCES := $(shell find src/mineralid -type f ! -path '*/__pycache__/*' ! -path '*/.*')

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
unexport PYTHONPATH   # an environment sees what was installed in it

# What `make demo` was given reaches the shell through its environment and as it stands, so spaces,
# quotes and dollar signs are safe.
unexport PHOTO HARDNESS LUSTER STREAK DENSITY MAGNETISM ACID
export DEMO_PHOTO := $(value PHOTO)
export DEMO_hardness := $(value HARDNESS)
export DEMO_luster := $(value LUSTER)
export DEMO_streak := $(value STREAK)
export DEMO_density := $(value DENSITY)
export DEMO_magnetism := $(value MAGNETISM)
export DEMO_acid := $(value ACID)
DEMO_TESTS := hardness luster streak density magnetism acid
DEMO_STONE := $(VENV)/demo/stone.jpg

# --- environments -------------------------------------------------------------------------------

# Makes the environment that the target's stamp file lies in, unless one that works is there.
define environment
@test -n "$(PYTHON)" || { echo "no Python 3.10 or newer found; name one with PYTHON=..." >&2; exit 1; }
@"$(PYTHON)" -c 'import sys; v = sys.version_info; v >= (3, 10) or sys.exit(f"mineralid needs Python 3.10 or newer; $(PYTHON) is {v[0]}.{v[1]}")'
@"$(@D)/bin/python" -c 'import pip' 2>/dev/null || "$(PYTHON)" -m venv --clear "$(@D)"
endef

# A build folder left from before would put deleted modules into the package.
define install
@rm -rf build
@"$(@D)/bin/python" -m pip install --quiet --quiet --constraint constraints.txt $(1)
@touch "$@"
endef

$(VENV)/.installed: $(PACKAGING) $(SOURCES)
	@echo "Installing the field wing into $(@D) ..."
	$(environment)
	$(call install,.)

$(VENV_FIELD)/.installed: $(PACKAGING) $(SOURCES)
	@echo "Installing the field wing and what its tests need into $(@D) ..."
	$(environment)
	$(call install,".[test]")

$(VENV_WEB)/.installed: $(PACKAGING) $(SOURCES)
	@echo "Installing the field wing and the web app into $(@D) ..."
	$(environment)
	$(call install,".[web]")

# Editable: the tests and the checkers see the working tree.
$(VENV_TEST)/.installed: $(PACKAGING)
	@echo "Installing the field wing, the lab and what the tests need into $(@D) ..."
	$(environment)
	@if ! found=$$("$(@D)/bin/python" -m pip install --dry-run --no-deps --constraint constraints.txt torch 2>&1); then \
		printf '%s\n' "$$found" >&2; \
		echo "$$(grep '^torch==' constraints.txt), which constraints.txt holds fixed, could not be had for $$("$(@D)/bin/python" --version)." >&2; \
		echo "Remove $(@D) and name a Python that has a build of it, such as PYTHON=python3.11" >&2; \
		exit 1; \
	fi; \
	case "$$(uname -s) $$found" in \
		*+cpu*|*"already satisfied"*) ;; \
		Linux*) echo "note: the torch found for $$("$(@D)/bin/python" --version) is no build for the CPU alone; it may bring several GB" ;; \
	esac
	$(call install,--editable "$(WITH_EXTRAS)")

# --- for people ---------------------------------------------------------------------------------

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  PYTHON=... chooses the interpreter of a new environment ($(PYTHON))"

.PHONY: demo
demo: $(VENV)/.installed  ## name a stone; PHOTO=, HARDNESS=, LUSTER=, STREAK=, DENSITY=, MAGNETISM=, ACID= for your own
	@set --; \
	$(foreach t,$(DEMO_TESTS),[ -z "$$DEMO_$(t)" ] || set -- "$$@" "--$(t)=$$DEMO_$(t)"; )\
	[ -z "$$DEMO_PHOTO" ] || set -- "$$@" -- "$$DEMO_PHOTO"; \
	if [ "$$#" -gt 0 ]; then exec "$(VENV)/bin/mineralid" identify "$$@"; fi; \
	set -e; \
	echo; echo "A stone that examples/draw_stone.py draws, with two readings:"; \
	"$(VENV)/bin/python" examples/draw_stone.py "$(DEMO_STONE)"; \
	echo '  mineralid identify $(DEMO_STONE) --hardness 6-6.5 --luster metallic'; echo; \
	"$(VENV)/bin/mineralid" identify "$(DEMO_STONE)" --hardness 6-6.5 --luster metallic; \
	echo; echo "A stone from its readings alone:"; \
	echo '  mineralid identify --hardness 6-6.5 --luster metallic --streak "greenish black"'; echo; \
	"$(VENV)/bin/mineralid" identify --hardness 6-6.5 --luster metallic --streak "greenish black"

.PHONY: serve
serve: $(VENV_WEB)/.installed  ## open the web app; ADDRESS=0.0.0.0 for a phone in the same network, PORT=
	@exec "$(VENV_WEB)/bin/mineralid" serve --host "$(ADDRESS)" --port "$(PORT)"

.PHONY: size
size:  ## install the field wing afresh and print its size; fails at 300 MB
	@rm -rf $(VENV_SIZE)
	@$(MAKE) --no-print-directory $(VENV_SIZE)/.installed
	@"$(VENV_SIZE)/bin/python" -c 'import importlib.util as u; u.find_spec("torch") is None or exit("torch is in the field environment")'
	@kib=$$(du -sk $(VENV_SIZE) | cut -f1); rm -rf $(VENV_SIZE); \
	mb=$$(( (kib * 1024 + 999999) / 1000000 )); \
	echo "a fresh field environment takes $$mb MB; allowed: less than $(SIZE_LIMIT_MB)"; \
	test "$$mb" -lt $(SIZE_LIMIT_MB)

$(VENV_SIZE)/.installed:
	$(environment)
	$(call install,.)

# --- tests and checks ---------------------------------------------------------------------------

.PHONY: test
test: lint pytest  ## check and test everything, lab included; pytest's summary comes last

.PHONY: pytest
pytest: $(VENV_TEST)/.installed
	@"$(VENV_TEST)/bin/python" -m pytest $(PYTEST_ARGS)

.PHONY: test-field
test-field: $(VENV_FIELD)/.installed  ## test the field wing as installed, without torch
	@"$(VENV_FIELD)/bin/python" -c 'import importlib.util as u; u.find_spec("torch") is None or exit("torch is in the field environment")'
	@"$(VENV_FIELD)/bin/python" -m pytest $(PYTEST_ARGS)

.PHONY: lint
lint: lint-style lint-format lint-types lint-imports  ## ruff, its formatter, mypy, import-linter

.PHONY: lint-style lint-format lint-types lint-imports
lint-style: $(VENV_TEST)/.installed
	@"$(VENV_TEST)/bin/ruff" check

lint-format: $(VENV_TEST)/.installed
	@"$(VENV_TEST)/bin/ruff" format --check

lint-types: $(VENV_TEST)/.installed
	@"$(VENV_TEST)/bin/mypy"

lint-imports: $(VENV_TEST)/.installed
	@"$(VENV_TEST)/bin/lint-imports" --no-logo

.PHONY: format
format: $(VENV_TEST)/.installed  ## format the code and mend what ruff can
	@"$(VENV_TEST)/bin/ruff" check --fix
	@"$(VENV_TEST)/bin/ruff" format

# --- measuring and making -----------------------------------------------------------------------

.PHONY: bench
bench: $(VENV)/.installed  ## run each of benchmarks/ once
	@set -e; for script in benchmarks/[a-z]*.py; do \
		test -e "$$script" || { echo "no benchmark in benchmarks/" >&2; exit 1; }; \
		echo "$$script"; "$(VENV)/bin/python" "$$script"; \
	done

.PHONY: bench-lab
bench-lab: $(VENV_TEST)/.installed  ## measure training beside a straightforward loop; PHOTOS=
	@"$(VENV_TEST)/bin/python" benchmarks/training/run.py --photos "$(PHOTOS)"

.PHONY: bench-web
bench-web: $(VENV_TEST)/.installed  ## measure the web app under load beside the bare session; PHOTOS=
	@"$(VENV_TEST)/bin/python" benchmarks/serving/run.py --photos "$(PHOTOS)"

.PHONY: catalogue
catalogue: $(VENV)/.installed  ## build the catalogue's tables again; FACTS=../shared/facts
	@PYTHONPATH=src "$(VENV)/bin/python" -m mineralid.minerals.importer --facts "$(FACTS)"

# Page faults dominate what torch does on a CPU: glibc is told to keep its memory.
bundle: export MALLOC_MMAP_MAX_ := 0
bundle: export MALLOC_TRIM_THRESHOLD_ := 100000000000
bundle: export MALLOC_TOP_PAD_ := 268435456
.PHONY: bundle
bundle: $(VENV_TEST)/.installed  ## train, evaluate and write the default bundle; PHOTOS=, FACTS=, RUNS=, BUNDLE=
	@"$(VENV_TEST)/bin/mineralid" lab release --photos "$(PHOTOS)" --facts "$(FACTS)" \
		--out "$(RUNS)" --bundle "$(BUNDLE)"

.PHONY: clean
clean:  ## remove environments, builds and caches; trained runs stay
	rm -rf $(VENV) $(VENV_FIELD) $(VENV_TEST) $(VENV_SIZE) $(VENV_WEB) build dist src/*.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests examples -name __pycache__ -prune -exec rm -rf {} +

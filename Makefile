# Headway's commands. `make` alone lists them.
#
#   make demo DATA=/srv/headway     the folder the demo keeps its documents in
#   make test ONLY='-k watching'    arguments for pytest: a part of the end-to-end suite
#   make bench BENCH=--short        arguments for scripts/bench, bench-uploads, bench-processing: a part of it
#   HEADWAY_SHARED=folder           the corpus and the test tools; without it the tests that need them are skipped
#   HEADWAY_REQUIRE=all             a skipped test is a failed test (.ci/run sets it)

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

DATA ?= ./headway-data
ONLY ?=
BENCH ?=
# How many end-to-end tests run side by side: most of them wait for something most of the time.
SIDE_BY_SIDE ?= 4

PACKAGES := libssl-dev zlib1g-dev libcurl4-openssl-dev libsqlite3-dev pkg-config poppler-utils
TEST_PACKAGES := chromium curl fonts-liberation gcc mupdf-tools node-ws nodejs procps python3-pil python3-venv strace tesseract-ocr
BENCH_PACKAGES := nginx-light libnginx-mod-nchan nodejs node-ws openssl strace

FUZZ_SECONDS ?= 600
CHAOS_KILLS ?= 2000
POWER_CUTS ?= 1000
WORK_SEEDS ?= 2000

END_TO_END := Tests/EndToEnd
VENV := .build/venv
PYTEST = $(VENV)/bin/python -m pytest -c $(END_TO_END)/pytest.ini $(END_TO_END) $(ONLY)

say = if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' $(1); else printf '\n%s\n' $(1); fi

.PHONY: help
help: ## this list
	@echo "Headway takes documents in, processes them and tells everybody who watches how far it is."
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22
	@echo
	@echo "Start with: make demo"

.PHONY: demo
demo: build ## build, start the server, process a sample document before your eyes
	@exec .build/release/headway demo docs/sample.pdf --data "$(DATA)"

.PHONY: build
build: deps ## the release binary, .build/release/headway, which needs no file beside it
	@$(call say,"Building headway (release; the first build takes a few minutes)")
	@swift build --configuration release --static-swift-stdlib --product headway

.PHONY: test
test: test-swift fuzz-short test-end-to-end ## every test; the long lists are in `make nightly`

.PHONY: test-swift
test-swift: deps
	@$(call say,"Building headway and its tests (debug; the first build takes a few minutes)")
	@swift build --build-tests
	@$(call say,"Testing the parts (swift test)")
	@swift test --skip-build

# The binary as users have it. Two runs: what bears company side by side, then the tests that measure time or memory, each
# on a quiet machine.
.PHONY: test-end-to-end
test-end-to-end: export HEADWAY_BINARY = .build/release/headway
test-end-to-end: build deps-test $(VENV)/installed
	@$(call say,"Testing the release binary from outside with independent clients (pytest; side by side)")
	@$(PYTEST) -m "not alone and not nightly" --numprocesses $(SIDE_BY_SIDE) --dist worksteal
	@$(call say,"Testing what needs a quiet machine (pytest; one by one)")
	@$(PYTEST) -m "alone and not nightly"

.PHONY: nightly
nightly: build deps-test $(VENV)/installed ## the long lists too, on the release binary: 1 GB, ten minutes
	@$(call say,"Testing the release binary: the whole end-to-end suite with its long lists")
	@HEADWAY_BINARY=.build/release/headway HEADWAY_NIGHTLY=1 $(PYTEST)
	@$(MAKE) simulate chaos fuzz sanitize

.PHONY: simulate
simulate: deps ## queue, leases, retries, breakers and uploads over millions of simulated steps: WORK_SEEDS=2000
	@HEADWAY_WORK_SEEDS=$(WORK_SEEDS) HEADWAY_EVERY_STEP=1 \
		swift test --filter 'WorkSimulationTests|UploadSimulationTests|ConcatenationSimulationTests'

.PHONY: chaos
chaos: build deps-test $(VENV)/installed ## 2,000 kills and 1,000 power cuts under uploads of every kind: CHAOS_SEED= repeats
	@$(call say,"Killing the release binary $(CHAOS_KILLS) times under uploads of every kind")
	@HEADWAY_BINARY=.build/release/headway CHAOS_KILLS=$(CHAOS_KILLS) POWER_CUTS=$(POWER_CUTS) $(PYTEST) -m chaos -s

.PHONY: conformance
conformance: build deps-test $(VENV)/installed ## Autobahn's 517 cases and the hostile HTTP requests, on the release binary
	@$(call say,"Holding the release binary against the conformance suites (twenty minutes)")
	@HEADWAY_BINARY=.build/release/headway HEADWAY_NIGHTLY=1 $(PYTEST) -m conformance -s

# Who chooses scenarios or servers of scripts/bench does not want uploads and processing.
.PHONY: bench
bench: deps $(VENV)/installed ## Headway beside nginx with Nchan, node-ws and websockets: docs/benchmarks.md
	@scripts/install-packages --optional $(BENCH_PACKAGES)
	@scripts/bench $(BENCH)
	@$(if $(findstring --scenarios,$(BENCH))$(findstring --only,$(BENCH))$(findstring --url,$(BENCH)),,\
		scripts/bench-uploads $(BENCH) && scripts/bench-processing $(BENCH))

.PHONY: bench-uploads
bench-uploads: deps ## the uploads of it alone: beside nginx, dd and openssl
	@scripts/install-packages --optional $(BENCH_PACKAGES)
	@scripts/bench-uploads $(BENCH)

.PHONY: bench-processing
bench-processing: deps ## reading documents beside plain pdftotext, and what a document costs
	@scripts/bench-processing $(BENCH)

.PHONY: fuzz
fuzz: ## hold the codecs against inputs that nobody thought of: FUZZ_SECONDS=600 for each
	@$(call say,"Fuzzing the codecs ($(FUZZ_SECONDS) seconds each; Tests/Fuzz/README.md)")
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz

.PHONY: fuzz-short
fuzz-short:
	@$(call say,"Fuzzing the codecs (eight seconds each; \`make fuzz\` takes longer)")
	@FUZZ_SECONDS=8 FUZZ_SIDE_BY_SIDE=2 scripts/fuzz

.PHONY: sanitize
sanitize: deps ## the tests of the pure parts and of the loop under the address and the thread sanitizer
	@for kind in address thread; do \
		printf '\nTesting under the %s sanitizer\n' $$kind; \
		ASAN_OPTIONS=detect_leaks=0 TSAN_OPTIONS=halt_on_error=1:suppressions=$(CURDIR)/Tests/ThreadSanitizer.suppressions \
			swift test --sanitize=$$kind --scratch-path .build/sanitize-$$kind \
			--filter '^(JSON|Core|Wire|Text|Compression|System|Loop|Hub)Tests\.'; \
	done

.PHONY: lint
lint: ## what swift-format would change
	@swift format lint --strict --recursive --parallel Package.swift Sources Tests

.PHONY: format
format: ## let swift-format change it
	@swift format --in-place --recursive --parallel Package.swift Sources Tests

.PHONY: sample
sample: ## make docs/sample.pdf again from the project's own text
	@python3 docs/make_sample_pdf.py docs/sample.pdf

.PHONY: deps
deps: ## install the Debian packages that building and running need (only those that are missing)
	@scripts/install-packages $(PACKAGES)

.PHONY: deps-test
deps-test: deps
	@scripts/install-packages --optional $(TEST_PACKAGES)

$(VENV)/installed: $(END_TO_END)/requirements.txt
	@$(MAKE) deps-test
	@$(call say,"Making the end-to-end tests' virtual environment in $(VENV)")
	@python3 -m venv --clear $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.PHONY: clean
clean: ## remove what the build made
	@rm -rf .build

# One-word targets over meson. "make demo" and "make test" do all the set-up themselves.

BUILD    ?= build
INSTANCE ?= default
# Debian's own Python: scapy and pytest come as Debian packages, which another python3 doesn't see.
PYTHON   := /usr/bin/python3
# Network namespaces need root.
AS_ROOT  := $(if $(filter 0,$(shell id -u)),,sudo)

.DEFAULT_GOAL := help
.PHONY: help deps build test demo console bench lint clean

help: ## Shows this list
	@echo "Alkaid: host data plane and agent for Alcor-style cloud networks"
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
	  awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'
	@echo
	@echo "  make demo KEEP=1             leaves the demo running and says how to look into it"
	@echo "  make console INSTANCE=NAME   console of /run/alkaid/NAME (default: default)"
	@echo "  make console RUN_DIR=DIR     console of the instance that runs in DIR"
	@echo "  make test ONLY='unit e2e'    some suites only; see tests/run --help"
	@echo "  make lint ALL=1              clang-tidy over every file, not only over changed ones"

deps: ## Installs the Debian packages that are missing (as root or through sudo)
	@.ci/install-dependencies

build: deps ## Builds everything into build/
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD)
	@ninja -C $(BUILD)

test: build ## Runs every test and sums up what ran, what was skipped and why
	@$(PYTHON) tests/run --build $(BUILD) $(if $(ONLY),--only $(ONLY))

demo: build ## Shows two hosts and four guests talking through VXLAN
	@$(AS_ROOT) $(PYTHON) tests/demo/run --build $(BUILD) $(if $(KEEP),--keep)

console: build ## Opens the console of a running data plane
	@$(AS_ROOT) $(BUILD)/control/console/alkaid-console \
	  $(if $(RUN_DIR),--run-dir $(RUN_DIR),--instance $(INSTANCE))

bench: build ## Runs the benchmarks of perf/
	@if [ -x perf/run ]; then $(AS_ROOT) perf/run --build $(BUILD); \
	 else echo "bench: there is no benchmark in perf/ yet"; fi

lint: build ## Checks format (clang-format) and code (clang-tidy)
	@.ci/lint $(BUILD) $(if $(ALL),--all)

clean: ## Removes what was built
	rm -rf build build-asan build-fuzz

# The front door. Meson and Ninja do the work; these are the names to remember.
#
#   make build   release build: build/tocsin            make demo    see it work on a real Redis
#   make test    everything that proves it              make check   format, includes, words
#   make bench   micro-benchmarks                       make clean

BUILD ?= build
FOR ?= 1m

.PHONY: build demo test check bench fuzz clean install-build install-test

build: install-build $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@meson setup $(BUILD) --buildtype=release >/dev/null

demo: install-test build
	@tools/demo --tocsin $(BUILD)/tocsin --for $(FOR) $(if $(ONCE),--once)

test: install-test build
	@tools/run-tests $(BUILD)

check: install-test
	@tools/check

bench: build
	@meson test -C $(BUILD) --benchmark --verbose

# A longer look than the few seconds that `make test` gives each fuzzer: make fuzz SECONDS=60
fuzz: install-test
	@tools/fuzz $(or $(SECONDS),60)

install-build:
	@tools/install build

install-test:
	@tools/install test

clean:
	@rm -rf build build-*

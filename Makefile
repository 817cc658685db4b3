# The two commands of a newcomer are `make demo` and `make test`; each sets up all it needs.
PRESET ?= release
BUILD := build/$(PRESET)
PLATYPUS := $(BUILD)/bin/platypus
EXAMPLE := examples/generic_timeseries_classification

.PHONY: all build demo test oracle browser bench bench-peers asan clang tidy format package install clean

all: build

build:
	@scripts/setup build
	@test -f $(BUILD)/build.ninja || cmake --preset $(PRESET) --log-level=WARNING
	@cmake --build $(BUILD)

demo: build
	@scripts/setup cores
	$(PLATYPUS) init generic_timeseries_classification $(EXAMPLE)/dataset
	$(PLATYPUS) run $(EXAMPLE)/config.yaml

test: build oracle browser
	@scripts/setup cores
	ctest --test-dir $(BUILD) --output-on-failure --parallel $$(nproc)

# ONNX Runtime, the independent check of the exported files; without it those tests are skipped.
oracle:
	@scripts/setup oracle

# Chromium, for the tests of the report page; without it those are skipped.
browser:
	@scripts/setup browser

bench:
	@scripts/setup build
	@cmake --preset bench --log-level=WARNING && cmake --build build/bench
	build/bench/bin/bench_train
	build/bench/bin/bench_ops
	build/bench/bin/bench_data
	build/bench/bin/bench_features
	build/bench/bin/bench_evaluate
	build/bench/bin/bench_start

# Training speed beside PyTorch's; a PyTorch of your own: bench/peers/run --python ...
bench-peers:
	@scripts/setup build peers
	@cmake --preset bench --log-level=WARNING && cmake --build build/bench --target bench_train
	bench/peers/run --output build/bench/peers.md
	bench/peers/threads --output build/bench/threads.md

asan:
	@$(MAKE) PRESET=asan test

clang:
	@scripts/setup clang
	@$(MAKE) PRESET=clang test

# Clang's own tree: the compilation database of GCC's has flags that clang-tidy does not know.
tidy:
	@scripts/setup build clang
	@cmake --preset clang --log-level=WARNING
	@scripts/tidy build/clang

format:
	@scripts/setup clang
	@git ls-files '*.cc' '*.h' '*.c' | xargs clang-format-14 -i

package: build
	@cd $(BUILD) && cpack

install: build
	@cmake --install $(BUILD)

clean:
	rm -rf build

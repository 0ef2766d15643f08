# HAKMEM's front door. Needs Swift 6.3 and, on Debian 12, what `Tests/setup.sh` installs.

VERSION := 0.1.0
SONAME := libhakmem.so.0
PREFIX ?= /usr/local
DESTDIR ?=
SWIFT ?= swift
# Frame pointers would add four instructions to free.
RELEASE := -c release --omit-frame-pointers
DIST_BUILD := .build/dist
PROGRAMS := hakmem-workload bench_random_mixed bench_tiny_hot bench_allocators

.PHONY: all dist library test programs test-debug test-release misuse-table format bench bench-all bench-programs pgo order \
  install clean verify model sanitize storm fuzz soak conformance reproducible

all: dist

dist: library
	$(SWIFT) build $(RELEASE)
	install -d dist/bin dist/lib/pkgconfig dist/include
	install -m 755 $(addprefix .build/release/,$(PROGRAMS)) dist/bin/
	install -m 755 .build/release/hakmem-tool dist/bin/hakmem
	strip --strip-debug dist/bin/hakmem
	install -m 644 Sources/CHakmem/include/hakmem.h dist/include/
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' Sources/CHakmem/hakmem.pc.in \
	  > dist/lib/pkgconfig/hakmem.pc

# The library is linked once more under its soname; in .build it has none, so that packages that
# depend on this one find it by its file name. No path of this folder gets into it: who builds the
# same source with the same compiler gets the same bytes. Debuggers find their way through it by
# .debug_frame, which is not loaded.
library:
	$(SWIFT) build $(RELEASE) --product hakmem --scratch-path $(DIST_BUILD) \
	  -Xlinker -soname=$(SONAME) -Xlinker --build-id=none \
	  -Xswiftc -file-prefix-map -Xswiftc $(CURDIR)=. -Xcc -ffile-prefix-map=$(CURDIR)=.
	rm -rf dist
	install -d dist/lib
	install -m 755 $(DIST_BUILD)/release/libhakmem.so dist/lib/libhakmem.so.$(VERSION)
	strip --strip-debug --keep-section=.debug_frame --remove-section=.swift_modhash \
	  dist/lib/libhakmem.so.$(VERSION)
	ln -s libhakmem.so.$(VERSION) dist/lib/$(SONAME)
	ln -s $(SONAME) dist/lib/libhakmem.so

install: dist
	install -d $(DESTDIR)$(PREFIX)
	cp -a dist/. $(DESTDIR)$(PREFIX)/

# The headline rows on HAKMEM, on glibc and on every other allocator that is found.
bench:
	$(SWIFT) build $(RELEASE)
	LD_PRELOAD=$(CURDIR)/.build/release/libhakmem.so .build/release/bench_random_mixed 1000000 256 42
	.build/release/bench_random_mixed 1000000 256 42
	LD_PRELOAD=$(CURDIR)/.build/release/libhakmem.so .build/release/bench_tiny_hot 10000000
	.build/release/bench_tiny_hot 10000000
	.build/release/hakmem-tool bench --quick --html .build/bench.html --json .build/bench.json

# Every workload on every allocator that is found: 20 minutes with eight.
bench-all:
	$(SWIFT) build $(RELEASE)
	.build/release/hakmem-tool bench --all --rounds 6 --seconds 0.1 --html .build/bench.html --json .build/bench.json

# Time and peak memory of real programs on every allocator that is found: 25 minutes with eight.
bench-programs:
	$(SWIFT) build $(RELEASE)
	sh Benchmarks/programs.sh

# The library built with a profile of the workloads, and what that gains: some 15 minutes.
pgo:
	$(SWIFT) build $(RELEASE)
	SWIFT=$(SWIFT) sh Benchmarks/pgo.sh

# The order of the library's functions in memory, after what programs execute: a minute. A build does
# not see that the list is another one.
order:
	$(SWIFT) build $(RELEASE)
	sh Benchmarks/order.sh
	rm -f .build/*-linux-*/release/libhakmem.so $(DIST_BUILD)/*-linux-*/release/libhakmem.so

test: programs format test-debug test-release

# The real programs that the tests run on the library.
programs:
	sh Tests/setup.sh

test-debug:
	SWIFT=$(SWIFT) bash Tests/run.sh

# The tests of the library and the workloads again, on their release build: the tests themselves and
# the tool need no second one.
test-release:
	for product in hakmem HakmemWhiteBoxTests $(PROGRAMS); do \
	  $(SWIFT) build $(RELEASE) --product $$product || exit 1; done
	$(SWIFT) build --build-tests
	PRODUCTS_UNDER_TEST=$(CURDIR)/.build/release SWIFT=$(SWIFT) bash Tests/run.sh --skip-build --skip HakmemToolTests
	PRODUCTS_UNDER_TEST=$(CURDIR)/.build/release SWIFT=$(SWIFT) bash Tests/run.sh --skip-build \
	  --filter samplingCostsFewInstructions

# The table of Documentation/security.md: what each mode, and glibc, makes of each misuse.
misuse-table:
	$(SWIFT) build $(RELEASE) --product hakmem
	sh Tests/misuse-table.sh $(CURDIR)/.build/release/libhakmem.so

format:
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests

# Beyond the tests: Documentation/testing.md. SEED, OPERATIONS, STORM_ROUNDS, FUZZ_SECONDS and
# SOAK_MINUTES set their length.
verify:
	sh Tests/verify.sh

SEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
OPERATIONS ?= 10000000
model:
	$(SWIFT) build --product hakmem
	$(SWIFT) build $(RELEASE) --product hakmem
	gcc -O1 -g -fno-builtin -pthread -I Sources/CHakmem/include -I Tests/Programs/support \
	  Tests/Programs/model/model.c -o .build/model
	for mode in balanced speed memory hardened; do for build in debug release; do \
	  echo "$$build, $$mode" && export HAKMEM_MODE=$$mode && \
	  export LD_PRELOAD=$(CURDIR)/.build/$$build/libhakmem.so && \
	  .build/model $(SEED) $(OPERATIONS) 8 800 && \
	  .build/model $(SEED) $$(($(OPERATIONS) / 10)) 8 800 24 || exit 1; done; done

sanitize:
	sh Tests/sanitize.sh

storm:
	$(SWIFT) build $(RELEASE) --product hakmem
	sh Tests/storm.sh

fuzz:
	sh Tests/fuzz.sh

soak:
	$(SWIFT) build $(RELEASE) --product hakmem
	sh Tests/soak.sh

# Fetches the public tests, or takes them from the repositories that GLIBC, LIBC_TEST and LTP name.
conformance:
	$(SWIFT) build $(RELEASE) --product hakmem
	sh Tests/conformance.sh

reproducible:
	sh Tests/reproducible.sh

clean:
	rm -rf .build dist

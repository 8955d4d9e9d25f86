# SPDX-License-Identifier: GPL-2.0-only
# The tests: programs and scripts that print TAP; tests/run gives each a time limit and counts.

TEST_CFLAGS	= -Itests/front

UNIT_SRCS	:= $(wildcard tests/unit/test_*.c)
UNIT_TESTS	:= $(UNIT_SRCS:%.c=$(BUILD)/%)
FRONT_TOOLS	:= tests/front/loadgen.c tests/front/request.c tests/front/states.c tests/front/steady.c
FRONT_LIB_SRCS	:= $(filter-out tests/front/test_%.c $(FRONT_TOOLS),$(wildcard tests/front/*.c))
FRONT_LIB_OBJS	:= $(FRONT_LIB_SRCS:%.c=$(BUILD)/%.o)
FRONT_SRCS	:= $(wildcard tests/front/test_*.c) $(FRONT_TOOLS)
FRONT_TESTS	:= $(patsubst %.c,$(BUILD)/%,$(wildcard tests/front/test_*.c))
BPF_TEST_SRCS	:= $(wildcard tests/bpf/test_*.c)
BPF_TESTS	:= $(BPF_TEST_SRCS:%.c=$(BUILD)/%)
LOADGEN		:= $(BUILD)/tests/front/loadgen
FUZZ_SRCS	:= $(wildcard tests/fuzz/*.c)
FUZZ_BUILD	:= $(BUILD)/fuzz
FUZZ_TARGETS	:= $(patsubst tests/fuzz/%.c,$(FUZZ_BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
GUEST_SRCS	:= $(wildcard tests/guest/*.c)
GUEST_TOOLS	:= $(GUEST_SRCS:%.c=$(BUILD)/%)
TEST_SRCS	:= $(UNIT_SRCS) $(FRONT_LIB_SRCS) $(FRONT_SRCS) $(BPF_TEST_SRCS) $(FUZZ_SRCS) \
	$(GUEST_SRCS) tests/host/insn.c tests/host/bpf_lines.c

$(BUILD)/tests/%.o: ALL_CFLAGS += $(TEST_CFLAGS)

$(UNIT_TESTS): %: %.o $(BUILD)/libnvring.a
	$(call say,LINK,$@) $(CC) $(SAN_FLAGS) -o $@ $^ -lcmocka $(ALL_LIBS)

$(BUILD)/tests/front/%: $(BUILD)/tests/front/%.o $(FRONT_LIB_OBJS) $(BUILD)/libnvring.a
	$(call say,LINK,$@) $(CC) $(SAN_FLAGS) -o $@ $^ $(ALL_LIBS)

$(BPF_TESTS): %: %.o $(FRONT_LIB_OBJS) $(BUILD)/libnvring.a
	$(call say,LINK,$@) $(CC) $(SAN_FLAGS) -o $@ $^ $(ALL_LIBS)

# Counts the test host's instructions, in its QEMU.
COUNT_INSN	:= $(BUILD)/tests/host/insn.so
$(COUNT_INSN): tests/host/insn.c
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CC) $(ALL_CFLAGS) -fPIC -shared -o $@ $<

BPF_LINES	:= $(BUILD)/tests/host/bpf_lines
$(BPF_LINES): %: %.o
	$(call say,LINK,$@) $(CC) $(SAN_FLAGS) -o $@ $^ $(ALL_LIBS)

# Runs in guests that have no libraries.
$(GUEST_TOOLS): %: %.o
	$(call say,LINK,$@) $(CC) -static -o $@ $^ -luring -pthread

# Fuzz targets: the daemon once more, by clang, with coverage for libFuzzer and sanitizers. For
# clang a min() within a min() shadows.
FUZZ_SAN	:= address,undefined
FUZZ_CFLAGS	= $(ALL_CFLAGS) -O1 -Wno-shadow -fno-omit-frame-pointer -fsanitize=$(FUZZ_SAN) \
	-fno-sanitize-recover=undefined
FUZZ_LOADER	:= $(filter-out loader/main.c loader/cmd/%.c,$(LOADER_SRCS))
FUZZ_OBJS	= $(FUZZ_LOADER:%.c=$(FUZZ_BUILD)/%.o) \
	$(patsubst %.c,$(FUZZ_BUILD)/%.o,$(filter-out tests/fuzz/fuzz_%.c,$(FUZZ_SRCS)))

$(FUZZ_BUILD)/%.o: %.c Makefile tests/tests.mk | $(SKELS)
	@mkdir -p $(@D)
	$(call say,FUZZCC,$@) $(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

$(FUZZ_TARGETS): $(FUZZ_BUILD)/%: $(FUZZ_BUILD)/tests/fuzz/%.o $(FUZZ_OBJS)
	$(call say,LINK,$@) $(CLANG) -fsanitize=fuzzer,$(FUZZ_SAN) -o $@ $^ $(ALL_LIBS)

# The request code as BPF, for tests.
TEST_BPF_SRCS	:= $(wildcard tests/unit/*.bpf.c)
TEST_SKELS	:= $(TEST_BPF_SRCS:%.bpf.c=$(BUILD)/%.skel.h)

$(BUILD)/tests/unit/test_request_bpf.o $(BUILD)/tests/unit/test_plain_bpf.o \
	$(BUILD)/tests/unit/test_histogram.o $(BUILD)/tests/bpf/test_programs.o: $(TEST_SKELS)

-include $(TEST_BPF_SRCS:%.c=$(BUILD)/%.d)
-include $(TEST_SRCS:%.c=$(BUILD)/%.d) $(FUZZ_LOADER:%.c=$(FUZZ_BUILD)/%.d) \
	$(FUZZ_SRCS:%.c=$(FUZZ_BUILD)/%.d)

# All tests in one run of tests/run, so that one summary line says it. Dependencies come first, in
# a make of their own: what pkg-config says is read when make starts.
JOBS	= $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
SAN_BUILD	:= build/san-address-undefined
# What runs once for each engine; those that this kernel refuses skip themselves and say why. The
# test host has a slow disk.
NATIVE	= $(filter-out %/test_slow,$(FRONT_TESTS)) $(sort $(wildcard tests/native/engines/test_*.sh))
CHECKS	= $(wildcard tests/unit/test_*.sh) $(UNIT_TESTS) $(UNIT_SRCS:%.c=$(SAN_BUILD)/%) \
	$(BPF_TESTS) $(sort $(wildcard tests/fuzz/test_*.sh)) $(sort $(wildcard tests/native/test_*.sh)) \
	NVRING_ENGINE=worker $(NATIVE) NVRING_ENGINE=poller $(NATIVE) NVRING_ENGINE=loop $(NATIVE) \
	NVRING_ENGINE= $(sort $(wildcard tests/host/test_*.sh))

check:
	$(Q)$(MAKE) --no-print-directory deps
	$(Q)$(MAKE) --no-print-directory $(JOBS) check-build
	$(Q)$(MAKE) --no-print-directory $(JOBS) SAN=address,undefined unit-tests
	$(Q)tests/run $(CHECKS)

# What a test script runs beside the daemon is added to its prerequisites where it is built.
check-build: all unit-tests fuzz-targets $(BPF_TESTS) $(FRONT_TESTS) $(FRONT_TOOLS:%.c=$(BUILD)/%) \
	$(GUEST_TOOLS)

unit-tests: $(UNIT_TESTS)

FUZZ_MESSAGES	?= 100000
FUZZ_RINGS	?= 1000000

fuzz:
	$(Q)$(MAKE) --no-print-directory deps
	$(Q)$(MAKE) --no-print-directory $(JOBS) fuzz-targets
	$(Q)tests/fuzz/run messages -runs=$(FUZZ_MESSAGES)
	$(Q)tests/fuzz/run rings -runs=$(FUZZ_RINGS)

fuzz-targets: $(FUZZ_TARGETS)

demo:
	$(Q)$(MAKE) --no-print-directory deps
	$(Q)$(MAKE) --no-print-directory $(JOBS) all
	$(Q)tests/host/demo

bench-native:
	$(Q)$(MAKE) --no-print-directory deps
	$(Q)$(MAKE) --no-print-directory $(JOBS) all $(LOADGEN)
	$(Q)tests/bench/native

bench-host:
	$(Q)$(MAKE) --no-print-directory deps
	$(Q)$(MAKE) --no-print-directory $(JOBS) all $(GUEST_TOOLS) $(COUNT_INSN) $(BPF_LINES) \
		$(LOADGEN)
	$(Q)tests/bench/host
	$(Q)tests/bench/dispatch

bench-scale:
	$(Q)$(MAKE) --no-print-directory deps
	$(Q)$(MAKE) --no-print-directory $(JOBS) all $(LOADGEN) $(BUILD)/tests/front/steady
	$(Q)tests/bench/scale

.PHONY: check check-build unit-tests fuzz fuzz-targets demo bench-native bench-host bench-scale

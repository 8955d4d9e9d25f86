# SPDX-License-Identifier: GPL-2.0-only
# nvring: build, test, install. `make help` lists the targets.

PREFIX	?= /usr/local
DESTDIR	?=
UNITDIR	?= $(PREFIX)/lib/systemd/system
VERSION	:= 0.1.0

# SAN=address,undefined or SAN=thread builds apart from the plain build.
comma	:= ,
BUILD	?= build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
SYSROOT	:= .cache/sysroot

CC	?= gcc
CLANG	?= clang-19
STRIP	?= llvm-strip-19
FORMAT	?= clang-format-19
TIDY	?= clang-tidy-19

V ?= 0
ifeq ($(V),0)
Q	:= @
say	= @printf '  %-7s %s\n' '$(1)' '$(2)';
else
Q	:=
say	=
endif

# libbpf: the system's own when it is new enough, else the one packaging/deps.sh unpacked.
ifeq ($(shell pkg-config --atleast-version=1.4 libbpf 2>/dev/null && echo yes),yes)
LIBBPF_CFLAGS	:= $(shell pkg-config --cflags libbpf)
LIBBPF_LIBS	:= $(shell pkg-config --libs libbpf)
BPFTOOL		?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
else
LIBBPF_CFLAGS	:= -isystem $(SYSROOT)/usr/include
LIBBPF_LIBS	= $(wildcard $(SYSROOT)/usr/lib/*/libbpf.a) -lelf -lz
BPFTOOL		?= $(SYSROOT)/usr/sbin/bpftool
endif

PKGS	:= liburing libnvme json-c libsystemd libcap
CFLAGS	?= -O2 -g
WARN	:= -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wshadow
ALL_CFLAGS = -std=gnu17 -fno-strict-aliasing $(WARN) $(CFLAGS) $(SAN_FLAGS) -D_GNU_SOURCE \
	-DNVRING_VERSION='"$(VERSION)"' -Iinclude -Iloader -I$(BUILD) $(LIBBPF_CFLAGS) \
	$(shell pkg-config --cflags $(PKGS)) -pthread -MMD -MP
ALL_LIBS = $(LIBBPF_LIBS) $(shell pkg-config --libs $(PKGS)) -pthread $(LDFLAGS)
# Fences order our stores against the guest's, which ThreadSanitizer does not see anyway: -Wno-tsan.
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer \
	$(if $(findstring undefined,$(SAN)),-fno-sanitize-recover=undefined) \
	$(if $(findstring thread,$(SAN)),-Wno-tsan))

BPF_SRCS	:= $(wildcard bpf/*.bpf.c)
SKELS		:= $(BPF_SRCS:bpf/%.bpf.c=$(BUILD)/bpf/%.skel.h)
LOADER_SRCS	:= $(wildcard loader/*.c loader/*/*.c)
LOADER_OBJS	:= $(LOADER_SRCS:%.c=$(BUILD)/%.o)
LIB_OBJS	:= $(filter-out $(BUILD)/loader/main.o,$(LOADER_OBJS))

all: $(BUILD)/nvring

include tests/tests.mk

$(BUILD)/nvring: $(BUILD)/loader/main.o $(BUILD)/libnvring.a
	$(call say,LINK,$@) $(CC) $(SAN_FLAGS) -o $@ $^ $(ALL_LIBS)

$(BUILD)/libnvring.a: $(LIB_OBJS)
	$(call say,AR,$@) rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: %.c Makefile | $(SKELS)
	@mkdir -p $(@D)
	$(call say,CC,$@) $(CC) $(ALL_CFLAGS) -c -o $@ $<

# The multiarch directory holds asm/types.h, which the BPF target does not search. A hook's
# arguments are the kernel's, used or not.
BPF_CFLAGS := -std=gnu17 -O2 -g -target bpf -mcpu=v3 -ffreestanding -Wall -Wextra -Werror \
	-Wno-unused-parameter -Iinclude -Ibpf -I. \
	-isystem /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null) -D__TARGET_ARCH_x86 \
	$(LIBBPF_CFLAGS)

$(BUILD)/%.bpf.o: %.bpf.c Makefile
	@mkdir -p $(@D)
	$(call say,BPF,$@) $(CLANG) $(BPF_CFLAGS) -MMD -MP -MT $@ -c -o $@ $< && $(STRIP) -g $@

# bpftool 7.5 fills a member that libbpf 1.4, packaged beside it, has not yet: the link libbpf
# would keep for a struct_ops map. We attach those ourselves.
$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(call say,SKEL,$@) $(BPFTOOL) gen skeleton $< name $(*F)_bpf >$@.tmp && \
		sed -i '/map->link = /d' $@.tmp && mv $@.tmp $@

deps:
	$(Q)packaging/deps.sh

install: all
	install -D -m 755 $(BUILD)/nvring $(DESTDIR)$(PREFIX)/sbin/nvring
	install -d -m 755 $(DESTDIR)$(UNITDIR)
	sed 's|@SBINDIR@|$(PREFIX)/sbin|' packaging/nvring.service.in \
		>$(DESTDIR)$(UNITDIR)/nvring.service
	install -D -m 644 packaging/man/nvring.8 $(DESTDIR)$(PREFIX)/share/man/man8/nvring.8
	install -D -m 644 packaging/completion/nvring \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/nvring
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/nvring README.md
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/nvring/doc doc/*

clean:
	rm -rf build

distclean: clean
	rm -rf .cache

SOURCES = $(wildcard include/*.h loader/*.[ch] loader/*/*.[ch] bpf/*.[ch] tests/*/*.[ch])

format:
	$(Q)$(FORMAT) -i $(SOURCES)

# Folders of loader/, each of which includes from those before it only.
LAYERS	:= base disk load engine serve manager cmd

# cppcheck 2.10 knows neither statement expressions nor the cleanup attribute.
lint: $(SKELS) $(TEST_SKELS)
	$(Q)before=bpf; for layer in $(LAYERS); do \
		! grep -n '#include "[a-z]*/' loader/$$layer/*.[ch] | grep -vE "\"($$before)/" || exit 1; \
		before="$$before|$$layer"; \
	done
	$(Q)$(FORMAT) --dry-run -Werror $(SOURCES)
	$(Q)$(TIDY) --quiet $(LOADER_SRCS) $(TEST_SRCS) -- $(filter-out -MMD -MP,$(ALL_CFLAGS)) \
		$(TEST_CFLAGS)
	$(Q)cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr \
		--enable=warning,performance,portability --suppress=missingIncludeSystem \
		--suppress=normalCheckLevelMaxBranches --suppress=unknownMacro \
		--suppress=internalAstError --suppress=resourceLeak \
		-Iinclude -Iloader -D_GNU_SOURCE loader tests

help:
	@printf '%s\n' \
		'make            build build/nvring' \
		'make deps       install what is missing on this machine' \
		'make demo       a KVM guest does verified I/O on NVMe, in the test host' \
		'make check      all tests' \
		'make fuzz       100,000 inputs of messages, 1,000,000 of rings (FUZZ_MESSAGES=, FUZZ_RINGS=)' \
		'make bench-native  speed beside qemu-storage-daemon' \
		'make bench-scale   100 VMs, idle and busy, under one manager' \
		'make bench-host    speed of a KVM guest on NVMe beside QEMU, in the test host' \
		'make lint, make format, make install DESTDIR= PREFIX=, make clean' \
		'V=1 shows commands; SAN=address,undefined or SAN=thread instruments'

.PHONY: all deps install clean distclean format lint help
.SECONDARY:
.DELETE_ON_ERROR:

-include $(LOADER_OBJS:.o=.d) $(BPF_SRCS:%.c=$(BUILD)/%.d)

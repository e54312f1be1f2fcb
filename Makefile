# labd: make [V=release|debug|asan|cov] [target]. `make help` lists the targets.
V ?= release
# Not taken from the environment: a script that knows where the programs are may build another variant.
B := build/$(V)
PREFIX ?= /usr/local
KNOWN_V := release debug asan cov fuzz
ifeq ($(filter $(V),$(KNOWN_V)),)
$(error unknown V=$(V): one of $(KNOWN_V))
endif

CC ?= cc
WARN := -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes -Wcast-qual \
        -Wformat=2 -Wpointer-arith -Wundef -Wno-missing-field-initializers
VERSION := 0.1.0
BASE := -std=gnu17 -D_GNU_SOURCE -DLABD_VERSION=\"$(VERSION)\" -I. -Inodes -fPIE -pthread
OPT_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
OPT_debug := -O0 -g3
OPT_asan := -O0 -g1 -fsanitize=address,undefined -fno-omit-frame-pointer
OPT_cov := -O0 -g --coverage
OPT_fuzz := -O1 -gline-tables-only -fsanitize=fuzzer-no-link,address,undefined
ifeq ($(V),fuzz)
CC := clang-14
endif
ifdef WERROR
WARN += -Werror
endif

# pkg-config packages: each program links what it needs and no more.
PKG_netns := libmnl
PKG_nodes := libevent_core libevent_extra libedit libmd libseccomp libcap-ng libmnl jansson
PKG_labd := $(PKG_netns) yaml-0.1 jansson libevent_core libseccomp libcap-ng sqlite3
# Of labnode-tls.so alone: a lab without TLS does not pay for OpenSSL.
PKG_tls := libssl libcrypto
PKG_test := cmocka libnl-route-3.0
PKG_ALL := $(sort $(PKG_netns) $(PKG_nodes) $(PKG_labd))
NO_BUILD := clean help format
ifneq ($(filter-out $(NO_BUILD),$(or $(MAKECMDGOALS),all)),)
MISSING := $(shell pkg-config --print-errors --exists $(PKG_ALL) $(PKG_tls) $(PKG_test) 2>&1 | head -5)
ifneq ($(MISSING),)
$(error $(MISSING): scripts/setup installs what the build needs)
endif
PKG_CFLAGS := $(shell pkg-config --cflags $(PKG_ALL) $(PKG_test))
endif
libs = $(shell pkg-config --libs $(1))

OPENSSL_LIBDIR := $(shell pkg-config --variable=libdir libssl)
ALL_CFLAGS = $(BASE) -DOPENSSL_LIBDIR=\"$(OPENSSL_LIBDIR)\" $(WARN) $(OPT_$(V)) $(PKG_CFLAGS) -MMD -MP $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -pthread $(filter -fsanitize=% --coverage,$(subst fuzzer-no-link$(comma),,$(OPT_$(V)))) $(LDFLAGS)
comma := ,

NETNS_SRC := $(wildcard netns/*.c)
TLS_SRC := nodes/shell/shell_tls_cert.c nodes/shell/shell_tls_conn.c
NODES_SRC := $(filter-out nodes/main.c $(TLS_SRC),$(wildcard nodes/*.c nodes/*/*.c))
LABD_SRC := $(filter-out labd/main.c labd/ctl/labctl_main.c,$(wildcard labd/*.c labd/*/*.c))
UNIT_SRC := $(wildcard tests/unit/*_test.c)
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
BENCH_SRC := $(wildcard tests/bench/*.c)

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRC))
FUZZ := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(FUZZ_SRC))
BENCH := $(patsubst tests/bench/%.c,$(B)/bench/%,$(BENCH_SRC))
PROGRAMS := $(B)/labnode $(B)/labnode-tls.so $(B)/labd $(B)/labctl

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all unit check demo bench fuzz install uninstall clean help format units fuzzers

all: $(PROGRAMS)

help:
	@echo 'make            the programs, in $(B)/'
	@echo 'make unit       unit tests (under 10 s)'
	@echo 'make check      every test'
	@echo 'make demo       bring up the example lab campus and ask it questions'
	@echo 'make bench      every benchmark; make bench NAME=x for one'
	@echo 'make fuzz       every fuzzer, 60 s each (SECS=n)'
	@echo 'make install    to $$(DESTDIR)$$(PREFIX)'

# Rewritten only when the flags change; every object depends on it.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' > $@
FORCE:

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@echo '  CC    $<'
	@$(CC) $(ALL_CFLAGS) -c -o $@ $<

# The schema is assembled into one object (.incbin), which the compiler's list of files does not know.
$(B)/obj/labd/log/db_schema.o: $(wildcard schema/*.sql)

define archive
@echo '  AR    $@'
@rm -f $@
@ar rcsD $@ $(filter %.o,$^)
endef

$(B)/libnetns.a: $(call obj,$(NETNS_SRC))
	$(archive)
$(B)/libnodes.a: $(call obj,$(NODES_SRC))
	$(archive)
$(B)/liblabd.a: $(call obj,$(LABD_SRC))
	$(archive)

define link
@mkdir -p $(@D)
@echo '  LINK  $@'
@$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(1)
endef

$(B)/labnode: $(B)/obj/nodes/main.o $(B)/libnodes.a $(B)/libnetns.a
	$(call link,$(call libs,$(PKG_nodes) $(PKG_netns)) -lutil -lm -lcrypt)
$(call obj,$(TLS_SRC)): private ALL_CFLAGS += -fPIC -fvisibility=hidden
$(B)/labnode-tls.so: $(call obj,$(TLS_SRC))
	@echo '  LINK  $@'
	@$(CC) -shared $(filter-out -pie,$(ALL_LDFLAGS)) -o $@ $^ $(call libs,$(PKG_tls))
$(B)/labd: $(B)/obj/labd/main.o $(B)/liblabd.a $(B)/libnodes.a $(B)/libnetns.a
	$(call link,$(call libs,$(PKG_labd) $(PKG_nodes)) -lm -lcrypt)
$(B)/labctl: $(B)/obj/labd/ctl/labctl_main.o $(B)/liblabd.a $(B)/libnodes.a $(B)/libnetns.a
	$(call link,$(call libs,$(PKG_labd) $(PKG_nodes)) -lm -lcrypt)

$(B)/unit/%: $(B)/obj/tests/unit/%.o $(B)/liblabd.a $(B)/libnodes.a $(B)/libnetns.a
	$(call link,$(call libs,$(PKG_ALL) $(PKG_test)) -lutil -lm -lcrypt)
$(B)/unit/shell_tls_test: $(call obj,$(TLS_SRC)) $(B)/obj/tests/unit/shell_tls_test.o $(B)/liblabd.a $(B)/libnodes.a $(B)/libnetns.a
	$(call link,$(call libs,$(PKG_tls) $(PKG_ALL) $(PKG_test)) -lutil -lm -lcrypt)
$(B)/bench/%: $(B)/obj/tests/bench/%.o $(B)/liblabd.a $(B)/libnodes.a $(B)/libnetns.a
	$(call link,$(call libs,$(PKG_ALL)) -lutil -lm -lcrypt)
# A fuzzer is a file with LLVMFuzzerTestOneInput; the other variants link it with a file reader.
ifeq ($(V),fuzz)
$(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(B)/liblabd.a $(B)/libnodes.a $(B)/libnetns.a
	$(call link,-fsanitize=fuzzer $(call libs,$(PKG_ALL)) -lutil -lm -lcrypt)
endif

units: $(UNIT)
fuzzers: $(FUZZ)
unit: $(UNIT) $(PROGRAMS)
	@B=$(B) scripts/unit $(UNIT)
check:
	@scripts/make-check
demo: all
	@B=$(B) scripts/run-demo
bench: all $(BENCH)
	@B=$(B) tests/bench/run $(NAME)
fuzz:
	@$(MAKE) --no-print-directory V=fuzz fuzz-run
fuzz-run: $(FUZZ)
	@SECS=$(or $(SECS),60) scripts/fuzz $(FUZZ)
install: all
	@B=$(B) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) scripts/install
uninstall:
	@DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) scripts/install --remove
format:
	clang-format -i $$(git ls-files '*.c' '*.h')
clean:
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# Builds and installs the C library, and the tool with its manual pages and completions. The Rust crate needs only cargo.
#
#   make                          $(BUILD)/libredtail.a and libredtail.so; with TLS and compressed
#                                 files: make FEATURES=capi,tls,compression
#   make check                    the tests of the C interface (needs cc and g++)
#   make install PREFIX=/usr/local DESTDIR=    installs the results of make, which it calls if there are none;
#                                 without debug information; with it: make install STRIP=:
#   make uninstall
#   make tool                     $(BUILD)/redtail; with TLS: make tool TOOL_FEATURES=cli,tls
#   make install-tool PREFIX=/usr/local DESTDIR=
#   make uninstall-tool
#   make header                   include/redtail.h, after a change in src/capi
#   make help                     this text
#
# Variables: PREFIX (/usr/local), LIBDIR, INCLUDEDIR, BINDIR, MANDIR (below PREFIX), DESTDIR, FEATURES (capi),
# TOOL_FEATURES (cli), TARGET, CARGO, INSTALL, CC, CXX, STRIP.
#
# Each also for another machine: make TARGET=aarch64-unknown-linux-gnu. The C compiler and strip are then those of GNU for
# this target (aarch64-linux-gnu-gcc), or the linker that cargo's environment names, or CC and STRIP.

PREFIX     = /usr/local
LIBDIR     = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
BINDIR     = $(PREFIX)/bin
MANDIR     = $(PREFIX)/share/man/man1
DESTDIR    =
CARGO      = cargo
INSTALL    = install
FEATURES   = capi
TOOL_FEATURES = cli
TARGET     = $(CARGO_BUILD_TARGET)
# The results, wherever cargo has its own.
BUILD      = $(or $(CARGO_TARGET_DIR),target)/make

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
MAJOR   := $(word 1,$(subst ., ,$(VERSION)))
MINOR   := $(word 2,$(subst ., ,$(VERSION)))
# Before 1.0 each minor version is an interface of its own.
SONAME  := libredtail.so.$(if $(filter 0,$(MAJOR)),0.$(MINOR),$(MAJOR))

# Written after all other files of a build: its features and its target.
LIBRARY_BUILT = $(BUILD)/library.built
TOOL_BUILT    = $(BUILD)/tool.built
LIBRARY_FILES = $(BUILD)/libredtail.a $(BUILD)/libredtail.so $(LIBRARY_BUILT)
TOOL_FILES    = $(BUILD)/redtail $(BUILD)/man $(BUILD)/completions $(TOOL_BUILT)

# GNU's name of a target: aarch64-unknown-linux-gnu is aarch64-linux-gnu, armv7-unknown-linux-gnueabihf arm-linux-gnueabihf.
parts    = $(subst -, ,$(1))
gnu_name = $(patsubst armv%,arm,$(word 1,$(call parts,$(1))))-linux-$(lastword $(call parts,$(1)))
# The variable by which cargo knows the linker of the target, or what runs its programs.
for_cargo = CARGO_TARGET_$(shell echo '$(TARGET)' | tr a-z- A-Z_)_$(1)
of_cargo  = $(value $(call for_cargo,$(1)))
ifneq ($(TARGET),)
ifeq ($(origin CC),default)
CC := $(or $(call of_cargo,LINKER),$(call gnu_name,$(TARGET))-gcc)
endif
ifeq ($(origin CXX),default)
CXX := $(call gnu_name,$(TARGET))-g++
endif
# Otherwise cargo links the tool with cc.
ifneq ($(findstring -gnu,$(TARGET)),)
export $(call for_cargo,LINKER) ?= $(CC)
endif
RUNNER = $(call of_cargo,RUNNER)
for_tests = CARGO_BUILD_TARGET=$(TARGET) CC='$(CC)' CXX='$(CXX)' $(if $(RUNNER),RUNNER='$(RUNNER)')
for_target = --target $(TARGET)
endif
# The target of what is installed.
installed_target = $(or $(TARGET),$(word 2,$(shell cat $(1) 2>/dev/null)))
STRIP = $(if $(call installed_target,$(LIBRARY_BUILT)),$(call gnu_name,$(call installed_target,$(LIBRARY_BUILT)))-)strip --strip-debug

# Phony, because cargo knows best whether there is something to do. The debug information has the types of the interface,
# for abidiff and debuggers.
.PHONY: all check soname install uninstall tool install-tool uninstall-tool header help
all:
	CARGO='$(CARGO)' packaging/cargo-into $(BUILD)/new libredtail.a rustc --release --lib --features $(FEATURES) $(for_target) \
		--crate-type staticlib -- -Cdebuginfo=2
	CC='$(CC)' packaging/link-shared $(BUILD)/new/libredtail.a $(BUILD)/new/libredtail.so $(SONAME)
	rm -f $(LIBRARY_BUILT)
	mv -f $(BUILD)/new/libredtail.a $(BUILD)/new/libredtail.so $(BUILD)
	echo '$(FEATURES) $(TARGET)' >$(LIBRARY_BUILT)

check:
	$(for_tests) $(CARGO) test --features capi,header --test capi
	$(for_tests) $(CARGO) test --features capi --lib capi

# The comment at the top.
help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

# The name of the shared library, for packages.
soname:
	@echo $(SONAME)

header:
	REDTAIL_HEADER=include/redtail.h $(CARGO) check --features header

# An installed copy may be moved: its files find each other by relative paths.
path = $(shell realpath -ms --relative-to=$(1) $(2))
# The fifth byte of an ELF file: 1 for 32 bits, 2 for 64.
bits = $$((4 * $$(od -An -tu1 -j4 -N1 $(BUILD)/libredtail.so)))
fill = sed -e "s|@PREFIX@|$(call path,$(LIBDIR)/pkgconfig,$(PREFIX))|; s|@LIBDIR@|$(call path,$(PREFIX),$(LIBDIR))|" \
	-e "s|@INCLUDEDIR@|$(call path,$(PREFIX),$(INCLUDEDIR))|; s|@CMAKE_INCLUDEDIR@|$(call path,$(LIBDIR)/cmake/redtail,$(INCLUDEDIR))|" \
	-e "s|@VERSION@|$(VERSION)|; s|@SONAME@|$(SONAME)|; s|@SIZEOF_VOID_P@|$(bits)|"
# Empty folders of an installation, up to the prefix.
tidy = for folder in $(1); do (cd $(DESTDIR)$(PREFIX) && rmdir -p "$$(realpath -ms --relative-to=$(PREFIX) $$folder)") 2>/dev/null || :; done

# Whoever installs may have no cargo: what is built already is not built again. If FEATURES or TARGET are given to install,
# and the build has others, install builds again, or fails. Without them the present build is installed.
comma := ,
plain  = $(subst $(comma),_,$(1))
chosen = $(filter command% environment%,$(origin $(1)))
differs = $(or $(if $(call chosen,$(1)),$(filter-out $(call plain,$($(1))),$(call plain,$(word 1,$(shell cat $(2) 2>/dev/null))))), \
	$(if $(TARGET),$(filter-out $(TARGET),$(or $(word 2,$(shell cat $(2) 2>/dev/null)),native))))
# Every file of a build, before the first is installed.
complete = @for file in $(1); do [ -e "$$file" ] || { echo "$$file is missing: the build is not complete, nothing is installed" >&2; exit 1; }; done

$(LIBRARY_BUILT):
	$(MAKE) all

install: $(LIBRARY_BUILT)
	$(if $(call differs,FEATURES,$(LIBRARY_BUILT)),$(MAKE) all)
	$(call complete,$(LIBRARY_FILES))
	$(INSTALL) -d $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(LIBDIR)/cmake/redtail
	$(INSTALL) -m 644 include/redtail.h include/redtail.hpp $(DESTDIR)$(INCLUDEDIR)
	packaging/cdef include/redtail.h >$(DESTDIR)$(INCLUDEDIR)/redtail_cdef.h
	chmod 644 $(DESTDIR)$(INCLUDEDIR)/redtail_cdef.h
	$(INSTALL) -m 644 $(BUILD)/libredtail.a $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 755 $(BUILD)/libredtail.so $(DESTDIR)$(LIBDIR)/libredtail.so.$(VERSION)
	$(STRIP) $(DESTDIR)$(LIBDIR)/libredtail.a $(DESTDIR)$(LIBDIR)/libredtail.so.$(VERSION)
	ln -sf libredtail.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libredtail.so
	$(fill) packaging/redtail.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/redtail.pc
	$(fill) packaging/redtail-config.cmake.in >$(DESTDIR)$(LIBDIR)/cmake/redtail/redtail-config.cmake
	$(fill) packaging/redtail-config-version.cmake.in >$(DESTDIR)$(LIBDIR)/cmake/redtail/redtail-config-version.cmake

uninstall:
	rm -f $(DESTDIR)$(INCLUDEDIR)/redtail.h $(DESTDIR)$(INCLUDEDIR)/redtail.hpp $(DESTDIR)$(INCLUDEDIR)/redtail_cdef.h
	rm -f $(DESTDIR)$(LIBDIR)/libredtail.a $(DESTDIR)$(LIBDIR)/libredtail.so $(DESTDIR)$(LIBDIR)/$(SONAME)
	rm -f $(DESTDIR)$(LIBDIR)/libredtail.so.$(VERSION) $(DESTDIR)$(LIBDIR)/pkgconfig/redtail.pc
	rm -rf $(DESTDIR)$(LIBDIR)/cmake/redtail
	@$(call tidy,$(LIBDIR)/pkgconfig $(LIBDIR)/cmake $(INCLUDEDIR))

BASH_COMPLETIONS = $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONS  = $(PREFIX)/share/zsh/site-functions
FISH_COMPLETIONS = $(PREFIX)/share/fish/vendor_completions.d

# The program prints its pages and completions. That of another machine is run by RUNNER; without one, the program is built
# for this machine too.
tool:
	CARGO='$(CARGO)' packaging/cargo-into $(BUILD)/new redtail build --release --bin redtail --features $(TOOL_FEATURES) $(for_target)
	$(if $(TARGET),$(if $(RUNNER),,CARGO='$(CARGO)' packaging/cargo-into $(BUILD)/printer redtail build --release --bin redtail \
		--features $(TOOL_FEATURES) --target "$$(rustc -vV | sed -n 's/^host: //p')"))
	rm -rf $(TOOL_FILES)
	mv -f $(BUILD)/new/redtail $(BUILD)
	mkdir -p $(BUILD)/man $(BUILD)/completions
	$(printer) man $(BUILD)/man
	$(printer) completions bash >$(BUILD)/completions/redtail
	$(printer) completions zsh >$(BUILD)/completions/_redtail
	$(printer) completions fish >$(BUILD)/completions/redtail.fish
	echo '$(TOOL_FEATURES) $(TARGET)' >$(TOOL_BUILT)

printer = $(if $(TARGET),$(if $(RUNNER),$(RUNNER) $(BUILD)/redtail,$(BUILD)/printer/redtail),$(BUILD)/redtail)

$(TOOL_BUILT):
	$(MAKE) tool

install-tool: $(TOOL_BUILT)
	$(if $(call differs,TOOL_FEATURES,$(TOOL_BUILT)),$(MAKE) tool)
	$(call complete,$(TOOL_FILES))
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)
	$(INSTALL) -d $(DESTDIR)$(BASH_COMPLETIONS) $(DESTDIR)$(ZSH_COMPLETIONS) $(DESTDIR)$(FISH_COMPLETIONS)
	$(INSTALL) -m 755 $(BUILD)/redtail $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 644 $(BUILD)/man/*.1 $(DESTDIR)$(MANDIR)
	$(INSTALL) -m 644 $(BUILD)/completions/redtail $(DESTDIR)$(BASH_COMPLETIONS)
	$(INSTALL) -m 644 $(BUILD)/completions/_redtail $(DESTDIR)$(ZSH_COMPLETIONS)
	$(INSTALL) -m 644 $(BUILD)/completions/redtail.fish $(DESTDIR)$(FISH_COMPLETIONS)

uninstall-tool:
	rm -f $(DESTDIR)$(BINDIR)/redtail $(DESTDIR)$(MANDIR)/redtail.1 $(DESTDIR)$(MANDIR)/redtail-*.1
	rm -f $(DESTDIR)$(BASH_COMPLETIONS)/redtail $(DESTDIR)$(ZSH_COMPLETIONS)/_redtail $(DESTDIR)$(FISH_COMPLETIONS)/redtail.fish
	@$(call tidy,$(BINDIR) $(MANDIR) $(BASH_COMPLETIONS) $(ZSH_COMPLETIONS) $(FISH_COMPLETIONS))

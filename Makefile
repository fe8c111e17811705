# Builds and installs the C library, and the tool with its manual pages and completions. The Rust crate needs only cargo.
#
#   make                          target/release/libredtail.a and libredtail.so; with TLS: make FEATURES=capi,tls
#   make check                    the tests of the C interface (needs cc and g++)
#   make install PREFIX=/usr/local DESTDIR=    installs the results of make, which it calls if there are none;
#                                 without debug information; with it: make install STRIP=:
#   make uninstall
#   make tool                     target/release/redtail; with TLS: make tool TOOL_FEATURES=cli,tls
#   make install-tool PREFIX=/usr/local DESTDIR=
#   make uninstall-tool
#   make header                   include/redtail.h and redtail_cdef.h, after a change in src/capi

PREFIX     = /usr/local
LIBDIR     = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
BINDIR     = $(PREFIX)/bin
MANDIR     = $(PREFIX)/share/man/man1
DESTDIR    =
CARGO      = cargo
INSTALL    = install
STRIP      = strip --strip-debug
FEATURES   = capi
TOOL_FEATURES = cli

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
MAJOR   := $(word 1,$(subst ., ,$(VERSION)))
MINOR   := $(word 2,$(subst ., ,$(VERSION)))
BUILT   := $(or $(CARGO_TARGET_DIR),target)/release
# Before 1.0 each minor version is an interface of its own.
SONAME  := libredtail.so.$(if $(filter 0,$(MAJOR)),0.$(MINOR),$(MAJOR))

# Phony, because cargo knows best whether there is something to do. The debug information has the types of the interface,
# for abidiff and debuggers.
.PHONY: all check install uninstall tool install-tool uninstall-tool header
all:
	$(CARGO) rustc --release --lib --features $(FEATURES) --crate-type staticlib -- -Cdebuginfo=2
	CC='$(CC)' packaging/link-shared $(BUILT)/libredtail.a $(BUILT)/libredtail.so $(SONAME)
	echo '$(FEATURES)' >$(BUILT)/libredtail.features

check:
	$(CARGO) test --features capi,header --test capi
	$(CARGO) test --features capi --lib capi

header:
	REDTAIL_HEADER=include/redtail.h $(CARGO) check --features header

# An installed copy may be moved: its files find each other by relative paths.
path = $(shell realpath -ms --relative-to=$(1) $(2))
# The fifth byte of an ELF file: 1 for 32 bits, 2 for 64.
bits = $$((4 * $$(od -An -tu1 -j4 -N1 $(BUILT)/libredtail.so)))
fill = sed -e "s|@PREFIX@|$(call path,$(LIBDIR)/pkgconfig,$(PREFIX))|; s|@LIBDIR@|$(call path,$(PREFIX),$(LIBDIR))|" \
	-e "s|@INCLUDEDIR@|$(call path,$(PREFIX),$(INCLUDEDIR))|; s|@CMAKE_INCLUDEDIR@|$(call path,$(LIBDIR)/cmake/redtail,$(INCLUDEDIR))|" \
	-e "s|@VERSION@|$(VERSION)|; s|@SONAME@|$(SONAME)|; s|@SIZEOF_VOID_P@|$(bits)|"

$(BUILT)/libredtail.so $(BUILT)/libredtail.a:
	$(MAKE) all

# Whoever installs may have no cargo: what is built already is not built again. If FEATURES are given to install, and the
# build has others, install builds again, or fails. Without FEATURES the present build is installed.
chosen = $(filter command% environment%,$(origin $(1)))
differs = $(if $(call chosen,$(1)),$(filter-out $(subst $(comma),_,$(shell cat $(2) 2>/dev/null)),$(subst $(comma),_,$($(1)))))
comma := ,

install: $(BUILT)/libredtail.so $(BUILT)/libredtail.a
	$(if $(call differs,FEATURES,$(BUILT)/libredtail.features),$(MAKE) all)
	$(INSTALL) -d $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(LIBDIR)/cmake/redtail
	$(INSTALL) -m 644 include/redtail.h include/redtail.hpp include/redtail_cdef.h $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 644 $(BUILT)/libredtail.a $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 755 $(BUILT)/libredtail.so $(DESTDIR)$(LIBDIR)/libredtail.so.$(VERSION)
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

# The installed program. It also prints its pages and completions.
TOOL = $(BUILT)/redtail
BASH_COMPLETIONS = $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONS  = $(PREFIX)/share/zsh/site-functions
FISH_COMPLETIONS = $(PREFIX)/share/fish/vendor_completions.d

tool:
	$(CARGO) build --release --bin redtail --features $(TOOL_FEATURES)
	echo '$(TOOL_FEATURES)' >$(BUILT)/redtail.features

$(BUILT)/redtail:
	$(MAKE) tool

install-tool: $(TOOL)
	$(if $(call differs,TOOL_FEATURES,$(BUILT)/redtail.features),$(MAKE) tool)
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)
	$(INSTALL) -d $(DESTDIR)$(BASH_COMPLETIONS) $(DESTDIR)$(ZSH_COMPLETIONS) $(DESTDIR)$(FISH_COMPLETIONS)
	$(INSTALL) -m 755 $(TOOL) $(DESTDIR)$(BINDIR)/redtail
	$(TOOL) man $(DESTDIR)$(MANDIR)
	$(TOOL) completions bash >$(DESTDIR)$(BASH_COMPLETIONS)/redtail
	$(TOOL) completions zsh >$(DESTDIR)$(ZSH_COMPLETIONS)/_redtail
	$(TOOL) completions fish >$(DESTDIR)$(FISH_COMPLETIONS)/redtail.fish

uninstall-tool:
	rm -f $(DESTDIR)$(BINDIR)/redtail $(DESTDIR)$(MANDIR)/redtail.1 $(DESTDIR)$(MANDIR)/redtail-*.1
	rm -f $(DESTDIR)$(BASH_COMPLETIONS)/redtail $(DESTDIR)$(ZSH_COMPLETIONS)/_redtail $(DESTDIR)$(FISH_COMPLETIONS)/redtail.fish

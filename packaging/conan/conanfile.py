"""The C library for conan 2: conan create packaging/conan. Needs cargo, make and a C compiler, on Linux.

The sources are those of the package for crates.io, which cargo makes of this repository."""

import os
import re
import subprocess
import tarfile
import tempfile

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.files import copy, rmdir
from conan.tools.layout import basic_layout

REPOSITORY = os.path.join("..", "..")


class Redtail(ConanFile):
    name = "redtail"
    description = "Follows the replication stream of a Redis or Valkey server; RESP2/RESP3 parser"
    license = "MIT OR Apache-2.0"
    topics = ("redis", "valkey", "replication", "resp")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "tls": [True, False], "compression": [True, False]}
    default_options = {"shared": False, "tls": False, "compression": False}
    languages = ["C"]

    def set_version(self):
        with open(os.path.join(self.recipe_folder, REPOSITORY, "Cargo.toml"), encoding="utf-8") as manifest:
            self.version = re.search(r'^version = "(.*)"', manifest.read(), re.M)[1]

    def export_sources(self):
        with tempfile.TemporaryDirectory() as folder:
            command = ["cargo", "package", "--quiet", "--allow-dirty", "--no-verify", "--target-dir", folder]
            subprocess.run(command, cwd=os.path.join(self.recipe_folder, REPOSITORY), check=True)
            with tarfile.open(os.path.join(folder, "package", f"redtail-{self.version}.crate")) as package:
                package.extractall(folder)
            copy(self, "*", os.path.join(folder, f"redtail-{self.version}"), self.export_sources_folder)

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("the Makefile is for Linux; elsewhere use cargo build --features capi")

    def layout(self):
        basic_layout(self)

    def _make(self, goal):
        features = ["capi"] + [name for name in ("tls", "compression") if self.options.get_safe(name)]
        build = os.path.join(self.build_folder, "make")
        self.run(
            f"make {goal} FEATURES={','.join(features)} BUILD={build} PREFIX=/ DESTDIR={self.package_folder}",
            cwd=self.source_folder,
        )

    def build(self):
        self._make("all")

    def package(self):
        self._make("install")
        # Conan makes files of its own for CMake and pkg-config.
        for folder in ("cmake", "pkgconfig"):
            rmdir(self, os.path.join(self.package_folder, "lib", folder))
        for name in os.listdir(os.path.join(self.package_folder, "lib")):
            if (".so" in name) != bool(self.options.shared):
                os.remove(os.path.join(self.package_folder, "lib", name))
        copy(self, "LICENSE-*", self.source_folder, os.path.join(self.package_folder, "licenses"))

    def package_info(self):
        self.cpp_info.libs = ["redtail"]
        self.cpp_info.set_property("cmake_target_name", "redtail::redtail")
        if not self.options.shared:
            self.cpp_info.system_libs = ["util", "rt", "pthread", "m", "dl"]

//! An installed copy in a folder of its own, and programs outside of this repository that know nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::build::{self, SONAME, root, run, stdout};
use crate::cargo::without_package;

const PROGRAM: &str = r#"
#include <redtail.h>
#include <stdio.h>
#include <string.h>
int main(void) {
    redtail_parser *parser = redtail_parser_new(REDTAIL_MODE_FRAMES, NULL);
    redtail_slice input;
    const redtail_item *item;
    input.data = "+OK\r\n";
    input.len = 5;
    int status = redtail_parser_next(parser, &input, &item);
    printf("%s %s\n", redtail_version(), redtail_status_name(status));
    redtail_parser_free(parser);
    return strcmp(redtail_version(), EXPECTED) != 0;
}
"#;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("redtail-install-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Without the optimizations, which take long and change nothing of what is installed.
fn make(what: &str) -> Command {
    let mut make = Command::new("make");
    without_package(&mut make).arg("-C").arg(root()).arg(what).env("CARGO_TARGET_DIR", build::folder("release"));
    make.envs([
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
        ("CARGO_PROFILE_RELEASE_LTO", "off"),
        ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ]);
    make
}

/// The prefix of an installed copy. It was staged for another prefix, as by a package manager, and then moved.
pub(crate) fn prefix() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let (stage, prefix) = (folder("stage"), build::folder("prefix"));
        run(&mut make("all"));
        // Installing builds nothing that is built already: who does it may have no cargo.
        run(make("install").args(["CARGO=false", "PREFIX=/opt/redtail"]).arg(format!("DESTDIR={}", stage.display())));
        let staged = stage.join("opt/redtail");
        fs::remove_dir_all(&prefix).unwrap();
        fs::rename(staged, &prefix).unwrap();
        fs::remove_dir_all(stage).unwrap();
        prefix
    })
}

/// All but `all`, which is plain make, and `soname`, which is for packages.
#[test]
#[ignore = "needs make: tests/tools"]
fn make_help_names_every_target_and_variable() {
    let help = crate::build::stdout(&mut make("help"));
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let targets = makefile.lines().find_map(|line| line.strip_prefix(".PHONY: all ")).unwrap();
    let targets = targets.split(' ').filter(|target| *target != "soname").map(|target| format!("make {target} "));
    let variables = makefile.lines().skip_while(|line| !line.is_empty()).skip(1).take_while(|line| !line.contains('#'));
    let variables: Vec<_> = variables.map(|line| line.split([' ', '=']).next().unwrap().to_owned()).collect();
    assert!(variables.len() > 8 && help.contains("Builds and installs the C library"), "{variables:?}: {help}");
    let padded = help.replace('\n', " \n");
    for name in targets.chain(variables) {
        assert!(padded.contains(&name), "{name} is not in make help:\n{help}");
    }
}

/// What was built with other features, for another machine or not wholly is built again, and without cargo it fails.
/// Nothing is installed then.
#[test]
#[ignore = "needs make: tests/tools"]
fn an_install_of_another_build_builds_again_or_fails() {
    let (target, own) = (folder("features-target"), folder("features"));
    let built = target.join("make");
    for folder in ["man", "completions"] {
        fs::create_dir_all(built.join(folder)).unwrap();
    }
    for name in ["libredtail.so", "libredtail.a", "redtail", "man/redtail.1"] {
        fs::copy("/bin/true", built.join(name)).unwrap();
    }
    for name in ["redtail", "_redtail", "redtail.fish"] {
        fs::write(built.join("completions").join(name), "").unwrap();
    }
    fs::write(built.join("library.built"), "capi \n").unwrap();
    fs::write(built.join("tool.built"), "cli \n").unwrap();
    let run_make = |what: &str, chosen: &[&str]| {
        let mut make = make(what);
        make.env("CARGO_TARGET_DIR", &target).args(["CARGO=false", "STRIP=:"]).args(chosen);
        make.arg(format!("PREFIX={}", own.display())).output().unwrap()
    };
    let installs = |what: &str, chosen: &[&str]| run_make(what, chosen).status.success();
    let nothing_is_installed = || fs::read_dir(&own).unwrap().next().is_none();
    for other in ["FEATURES=capi,tls", "TARGET=s390x-unknown-linux-gnu"] {
        assert!(!installs("install", &[other]) && nothing_is_installed(), "{other}");
    }
    for other in ["TOOL_FEATURES=cli,tls", "TARGET=s390x-unknown-linux-gnu"] {
        assert!(!installs("install-tool", &[other]) && nothing_is_installed(), "{other}");
    }
    // The same features, and none: the present build.
    assert!(installs("install", &["FEATURES=capi"]) && installs("install", &[]));
    assert!(installs("install-tool", &["TOOL_FEATURES=cli"]) && installs("install-tool", &[]));
    assert!(own.join("lib/libredtail.so").exists() && own.join("bin/redtail").exists());
    assert!(installs("uninstall", &[]) && installs("uninstall-tool", &[]));
    assert!(nothing_is_installed());
    // A library is gone since it was built.
    fs::remove_file(built.join("libredtail.so")).unwrap();
    let broken = run_make("install", &[]);
    assert!(String::from_utf8_lossy(&broken.stderr).contains("libredtail.so is missing"), "{broken:?}");
    assert!(!broken.status.success() && nothing_is_installed());
    // Built for another machine, and installed without a target: the present build.
    fs::copy("/bin/true", built.join("libredtail.so")).unwrap();
    fs::write(built.join("library.built"), "capi s390x-unknown-linux-gnu\n").unwrap();
    assert!(installs("install", &[]) && installs("install", &["TARGET=s390x-unknown-linux-gnu"]));
    fs::remove_dir_all(own).unwrap();
    fs::remove_dir_all(target).unwrap();
}

fn expected() -> String {
    format!("{} REDTAIL_OK\n", env!("CARGO_PKG_VERSION"))
}

fn uses_shared_library(program: &Path) -> bool {
    stdout(Command::new("readelf").arg("-d").arg(program)).contains(&format!("[{SONAME}]"))
}

#[test]
#[ignore = "needs make and pkg-config: tests/tools"]
fn a_program_that_knows_only_pkg_config() {
    let (prefix, work) = (prefix(), folder("pkg-config"));
    fs::write(work.join("program.c"), format!("#define EXPECTED \"{}\"\n{PROGRAM}", env!("CARGO_PKG_VERSION")))
        .unwrap();
    let flags = |more: &[&str]| {
        let mut command = Command::new("pkg-config");
        command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")).args(["--cflags", "--libs"]).args(more);
        stdout(command.arg(format!("redtail = {}", env!("CARGO_PKG_VERSION"))))
    };
    let build = |name: &str, flags: &str| {
        let program = work.join(name);
        let mut cc = Command::new("cc");
        cc.arg(work.join("program.c")).arg("-o").arg(&program).args(flags.split_whitespace());
        run(&mut cc);
        program
    };
    let shared = build("shared", &flags(&[]));
    assert!(uses_shared_library(&shared));
    assert_eq!(stdout(Command::new(&shared).env("LD_LIBRARY_PATH", prefix.join("lib"))), expected());
    // -l:NAME asks the linker for the archive where both are there.
    let fixed = build("static", &flags(&["--static"]).replace("-lredtail", "-l:libredtail.a"));
    assert!(!uses_shared_library(&fixed));
    assert_eq!(stdout(&mut Command::new(&fixed)), expected());
    // Without any shared library there is no shared libgcc either.
    let alone = build("alone", &(flags(&["--static"]) + " -static"));
    assert_eq!(stdout(&mut Command::new(&alone)), expected());
    fs::remove_dir_all(work).unwrap();
}

#[test]
#[ignore = "needs make and CMake: tests/tools"]
fn a_program_that_knows_only_cmake() {
    let (prefix, work) = (prefix(), folder("cmake"));
    fs::write(work.join("program.c"), PROGRAM).unwrap();
    fs::write(
        work.join("wrapper.cpp"),
        "#include <redtail.hpp>\nint main() { redtail::parser parser(0); return 0; }\n",
    )
    .unwrap();
    let lists = format!(
        "cmake_minimum_required(VERSION 3.16)\nproject(outside C CXX)\nfind_package(redtail {} REQUIRED)\n\
         add_compile_definitions(EXPECTED=\"${{redtail_VERSION}}\")\nset(CMAKE_CXX_STANDARD 17)\n\
         add_executable(shared program.c)\ntarget_link_libraries(shared redtail::shared)\n\
         add_executable(fixed program.c)\ntarget_link_libraries(fixed redtail::static)\n\
         add_executable(default program.c)\ntarget_link_libraries(default redtail::redtail)\n\
         add_executable(wrapper wrapper.cpp)\ntarget_link_libraries(wrapper redtail::redtail)\n",
        env!("CARGO_PKG_VERSION")
    );
    fs::write(work.join("CMakeLists.txt"), lists).unwrap();
    for (built, shared_by_default, flags) in [("a", true, vec![]), ("b", false, vec!["-DBUILD_SHARED_LIBS=OFF"])] {
        let built = work.join(built);
        let mut configure = Command::new("cmake");
        configure.arg("-S").arg(&work).arg("-B").arg(&built).arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
        run(configure.args(flags));
        run(Command::new("cmake").arg("--build").arg(&built));
        for (name, shared) in [("shared", true), ("fixed", false), ("default", shared_by_default)] {
            let program = built.join(name);
            assert_eq!(uses_shared_library(&program), shared, "{name}");
            assert_eq!(stdout(&mut Command::new(&program)), expected());
        }
        run(&mut Command::new(built.join("wrapper")));
    }
    // Another minor version before 1.0 is another interface.
    let wrong = fs::read_to_string(work.join("CMakeLists.txt"))
        .unwrap()
        .replace("find_package(redtail 0.2.0", "find_package(redtail 0.1.0");
    fs::write(work.join("CMakeLists.txt"), wrong).unwrap();
    let mut configure = Command::new("cmake");
    configure
        .arg("-S")
        .arg(&work)
        .arg("-B")
        .arg(work.join("c"))
        .arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
    assert!(!configure.output().unwrap().status.success());
    fs::remove_dir_all(work).unwrap();
}

#[test]
#[ignore = "needs make: tests/tools"]
fn what_is_installed() {
    let lib = prefix().join("lib");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(fs::read_link(lib.join("libredtail.so")).unwrap(), Path::new(SONAME));
    assert_eq!(fs::read_link(lib.join(SONAME)).unwrap(), PathBuf::from(format!("libredtail.so.{version}")));
    assert!(lib.join("libredtail.a").is_file() && prefix().join("include/redtail.hpp").is_file());
    assert!(prefix().join("include/redtail_cdef.h").is_file());
    let dynamic = stdout(Command::new("readelf").arg("-d").arg(lib.join("libredtail.so")));
    assert!(dynamic.contains(&format!("[{SONAME}]")), "{dynamic}");
    // The built library has the types of the interface, for abidiff; the installed one is small.
    let sections = |library: &Path| stdout(Command::new("readelf").args(["--section-headers", "--wide"]).arg(library));
    assert!(sections(&build::folder("release").join("make/libredtail.so")).contains(".debug_info"));
    assert!(!sections(&lib.join("libredtail.so")).contains(".debug_"));
    // In a prefix of its own, nothing is left behind.
    let own = folder("own");
    for what in ["install", "uninstall"] {
        run(make(what).arg(format!("PREFIX={}", own.display())));
    }
    let left: Vec<_> = fs::read_dir(&own).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
    fs::remove_dir_all(own).unwrap();
}

/// Installations for other machines, staged as by a package manager: each file is for that machine, and a program that
/// knows only the installed copy runs in the emulator, with the shared and with the static library.
#[test]
#[ignore = "needs cross compilers and emulators: tests/platforms install"]
fn an_installation_of_another_machine() {
    for (target, gnu, emulator, machine) in [
        ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu", "qemu-aarch64", "ARM aarch64"),
        ("s390x-unknown-linux-gnu", "s390x-linux-gnu", "qemu-s390x", "IBM S/390"),
    ] {
        let (stage, sysroot) = (folder(gnu), format!("/usr/{gnu}"));
        let runner = format!("CARGO_TARGET_{}_RUNNER", target.replace('-', "_").to_uppercase());
        let make = |what: &str| {
            let mut make = make(what);
            make.env("CARGO_TARGET_DIR", build::folder("cross")).env(&runner, format!("{emulator} -L {sysroot}"));
            make.arg(format!("TARGET={target}")).arg("PREFIX=/usr").arg(format!("DESTDIR={}", stage.display()));
            run(&mut make);
        };
        make("install");
        make("install-tool");
        let lib = stage.join("usr/lib");
        for binary in [lib.join("libredtail.so"), stage.join("usr/bin/redtail")] {
            let kind = stdout(Command::new("file").arg("--dereference").arg(&binary));
            println!("{}", kind.trim_end());
            assert!(kind.contains(machine), "{kind}");
        }
        // `file` does not inspect the members of an archive.
        let members = stdout(Command::new("readelf").arg("--file-header").arg(lib.join("libredtail.a")));
        let machines: Vec<_> = members.lines().filter_map(|line| line.trim().strip_prefix("Machine:")).collect();
        let of = if machine == "ARM aarch64" { "AArch64" } else { machine };
        println!("{}: {} members for {of}", lib.join("libredtail.a").display(), machines.len());
        assert!(!machines.is_empty() && machines.iter().all(|machine| machine.trim() == of), "{machines:?}");
        assert!(stage.join("usr/share/man/man1/redtail.1").exists());

        fs::write(stage.join("program.c"), PROGRAM).unwrap();
        for library in ["-lredtail", "-l:libredtail.a"] {
            let program = stage.join("program");
            let mut cc = Command::new(format!("{gnu}-gcc"));
            cc.arg(format!("-DEXPECTED=\"{}\"", env!("CARGO_PKG_VERSION")));
            cc.arg("-I").arg(stage.join("usr/include")).arg(stage.join("program.c")).arg("-L").arg(&lib).arg(library);
            run(cc.args(["-lm", "-lpthread", "-o"]).arg(&program));
            assert_eq!(uses_shared_library(&program), library == "-lredtail");
            let libraries = format!("LD_LIBRARY_PATH={}", lib.display());
            let mut emulated = Command::new(emulator);
            assert_eq!(stdout(emulated.args(["-L", &sysroot, "-E", &libraries]).arg(&program)), expected());
        }
        make("uninstall");
        make("uninstall-tool");
        assert!(fs::read_dir(stage.join("usr")).unwrap().next().is_none(), "{gnu}: files or folders are left");
        fs::remove_dir_all(stage).unwrap();
    }
}

#[test]
#[ignore = "needs CMake: tests/tools"]
fn which_versions_fit_together() {
    let template = fs::read_to_string(root().join("packaging/redtail-config-version.cmake.in")).unwrap();
    let work = folder("versions");
    for (have, wanted, fits) in [
        ("0.1.2", "", true),
        ("0.1.2", "0.1", true),
        ("0.1.2", "0.1.3", false),
        ("0.2.0", "0.1", false),
        ("1.2.0", "", true),
        ("1.2.0", "1.1", true),
        ("1.2.0", "0.1", false),
        ("1.2.0", "0", false),
        ("2.0.0", "1.1", false),
    ] {
        let script = work.join("script.cmake");
        let major = wanted.split('.').next().unwrap();
        let before = format!("set(PACKAGE_FIND_VERSION \"{wanted}\")\nset(PACKAGE_FIND_VERSION_MAJOR \"{major}\")\n");
        let after = "\nif(PACKAGE_VERSION_COMPATIBLE)\n  message(FATAL_ERROR fits)\nendif()\n";
        let template = template.replace("@SIZEOF_VOID_P@", "8");
        fs::write(&script, before + &template.replace("@VERSION@", have) + after).unwrap();
        let status = Command::new("cmake").arg("-P").arg(&script).output().unwrap().status;
        assert_eq!(!status.success(), fits, "{have} for somebody who wants {wanted:?}");
    }
    for (bytes, unsuitable) in [("4", true), ("8", false)] {
        let script = work.join("script.cmake");
        let before = format!("set(CMAKE_SIZEOF_VOID_P {bytes})\n");
        let after = "\nif(PACKAGE_VERSION_UNSUITABLE)\n  message(FATAL_ERROR \"${PACKAGE_VERSION}\")\nendif()\n";
        let filled = template.replace("@VERSION@", "0.1.2").replace("@SIZEOF_VOID_P@", "8");
        fs::write(&script, before + &filled + after).unwrap();
        let output = Command::new("cmake").arg("-P").arg(&script).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr).contains("0.1.2 (64 bits)"), unsuitable, "{output:?}");
    }
    fs::remove_dir_all(work).unwrap();
}

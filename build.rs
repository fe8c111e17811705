//! Nothing, unless the feature `header` is on: then the C header is generated from the sources of the C interface, as
//! `redtail.h` in the build's own folder, and also at the path `REDTAIL_HEADER`. (`make header` sets it; a test compares the
//! result with the header that is checked in.)
//!
//! Each file is a section of the header, under the comment at its top.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "header")]
    header::write();
}

#[cfg(feature = "header")]
mod header {
    use std::path::Path;
    use std::{env, fs};

    /// The sections, in their order. The first is the comment at the top of the header.
    const SECTIONS: [&str; 32] = [
        "mod",
        "basics",
        "position",
        "item",
        "error_kind",
        "parser",
        "tokens",
        "encode",
        "command_name",
        "keys",
        "command_specs",
        "key_finder",
        "wrapped",
        "rdb_item",
        "rdb",
        "dump",
        "decompress",
        "server",
        "tls",
        "options",
        "event",
        "session",
        "sentinel",
        "handle",
        "follower",
        "shard",
        "notice",
        "callbacks",
        "cluster",
        "migration",
        "discovery",
        "primary",
    ];

    const TOP: &str = r#"#ifndef REDTAIL_H
#define REDTAIL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Marks the functions of the library. Define REDTAIL_SHARED on Windows if the program uses the shared library.
 */
#ifndef REDTAIL_API
#if defined(_WIN32) && defined(REDTAIL_SHARED)
#define REDTAIL_API __declspec(dllimport)
#elif defined(__GNUC__)
#define REDTAIL_API __attribute__((visibility("default")))
#else
#define REDTAIL_API
#endif
#endif

/**
 * Whether this header has at least this version. For #if.
 */
#define REDTAIL_VERSION_AT_LEAST(major, minor, patch) \
    (REDTAIL_VERSION_NUMBER >= (major) * 1000000 + (minor) * 1000 + (patch))
"#;
    const BOTTOM: &str = "#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n\n#endif /* REDTAIL_H */\n";

    pub(crate) fn write() {
        println!("cargo::rerun-if-changed=src/capi");
        println!("cargo::rerun-if-changed=cbindgen.toml");
        println!("cargo::rerun-if-env-changed=REDTAIL_HEADER");
        let mut header = String::new();
        for (number, section) in SECTIONS.iter().enumerate() {
            let file = format!("src/capi/{section}.rs");
            let source = fs::read_to_string(&file).expect("a source of the C interface");
            header.push_str(&comment(&source, number > 0));
            if number == 0 {
                header.push_str(TOP);
            } else {
                header.push_str(&declarations(&file, &source));
            }
        }
        header.push_str(BOTTOM);
        let built = format!("{}/redtail.h", env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
        fs::write(&built, &header).expect("write the header");
        println!("cargo::rustc-env=REDTAIL_HEADER_BUILT={built}");
        if let Some(wanted) = env::var_os("REDTAIL_HEADER") {
            fs::write(wanted, header).expect("write the header at REDTAIL_HEADER");
        }
    }

    fn declarations(file: &str, source: &str) -> String {
        let mut config = cbindgen::Config::from_file("cbindgen.toml").expect("cbindgen.toml");
        // What no function mentions would be left out.
        config.export.include = source.lines().filter_map(type_name).map(String::from).collect();
        let bindings = cbindgen::Builder::new().with_config(config).with_src(Path::new(file)).generate();
        let mut text = Vec::new();
        bindings.expect("cbindgen understands the C interface").write(&mut text);
        tidy(&String::from_utf8(text).expect("cbindgen writes UTF-8"))
    }

    fn type_name(line: &str) -> Option<&str> {
        let rest = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "))?;
        rest.split([' ', ';']).next()
    }

    /// Comments of one line on one line, types by their names alone, and functions marked with REDTAIL_API.
    fn tidy(text: &str) -> String {
        let lines: Vec<&str> = text.trim().lines().collect();
        let (mut tidied, mut at, mut parameters) = (String::new(), 0, 0);
        while let Some(line) = lines.get(at) {
            let comment = lines.get(at + 1).and_then(|text| text.trim_start().strip_prefix("* "));
            if let (true, Some(text), Some("*/")) =
                (line.trim() == "/**", comment, lines.get(at + 2).map(|end| end.trim()))
            {
                tidied.push_str(&format!("{line} {text} */\n"));
                at += 3;
                continue;
            }
            let line =
                if line.starts_with("typedef") { (*line).into() } else { line.replace("struct redtail_", "redtail_") };
            match line.split_once('(') {
                Some((before, _)) if !line.starts_with([' ', '/']) => {
                    let declaration = format!("REDTAIL_API {line}");
                    parameters = if line.ends_with(';') { 0 } else { "REDTAIL_API ".len() + before.len() + 1 };
                    tidied.push_str(&declaration);
                }
                _ if parameters > 0 => {
                    tidied.push_str(&format!("{:parameters$}{}", "", line.trim_start()));
                    parameters = if line.ends_with(';') { 0 } else { parameters };
                }
                _ => tidied.push_str(&line),
            }
            tidied.push('\n');
            at += 1;
        }
        tidied + "\n"
    }

    /// The comment at the top of a source as a comment of C, that of a section under a line.
    fn comment(source: &str, section: bool) -> String {
        let text = source
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .map(|line| line.strip_prefix(' ').unwrap_or(line));
        let lines: String =
            text.map(|line| if line.is_empty() { " *\n".into() } else { format!(" * {line}\n") }).collect();
        let rule = if section { "-".repeat(116) } else { "*".into() };
        format!("\n/*{rule}\n{lines} */\n\n")[if section { 0 } else { 1 }..].to_owned()
    }
}

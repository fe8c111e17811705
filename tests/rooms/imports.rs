//! The graph of imports between source files.
//!
//! The sources are read as tokens. Modules and names come from `mod`, `use` and definitions, arrows from every path in
//! the code, macros included. A name resolves through `pub use` to the file that defines it. Items under `#[cfg(test)]`
//! are skipped.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
    modules: Vec<Module>,
}

pub(crate) struct File {
    /// Relative to `src`, for example `resp/mod.rs`.
    pub path: String,
    pub text: String,
    pub functions: Vec<Function>,
    /// First and last lines of the items under `#[cfg(test)]`.
    tests: Vec<(usize, usize)>,
    /// The types that the file has an `impl` of.
    extends: BTreeSet<String>,
}

pub(crate) struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

struct Module {
    parent: Option<usize>,
    file: usize,
    names: BTreeMap<String, Vec<Name>>,
    globs: Vec<(Vec<String>, bool)>,
    /// Imports and the paths of the code, each with its line.
    paths: Vec<Path>,
}

#[derive(Clone)]
enum Name {
    Own,
    Module(usize),
    Import { target: Vec<String>, public: bool },
}

struct Path {
    names: Vec<String>,
    line: usize,
    origin: Origin,
}

#[derive(Clone, Copy, PartialEq)]
enum Origin {
    Import,
    Reexport,
    Code,
}

/// A file names an item that another file defines.
pub(crate) struct Arrow {
    pub from: usize,
    pub to: usize,
    pub name: String,
    pub line: usize,
    /// The file whose re-export the path must not use: it belongs to a folder that contains the importing file
    /// (the crate root is one), or to a folder that does not contain the definition.
    pub detour: Option<String>,
    /// The importing file is a child of the other and adds an `impl` to its type.
    pub extends_parent: bool,
}

struct Found {
    file: usize,
    name: String,
    module: Option<usize>,
    /// The modules whose re-exports lead there.
    faces: Vec<usize>,
}

impl Tree {
    /// Reads the library from `lib.rs` and the tool from `bin/redtail/main.rs`, following `mod`.
    pub(crate) fn read(sources: &BTreeMap<String, String>) -> Self {
        let mut tree = Self { files: Vec::new(), modules: Vec::new() };
        for root in ["lib.rs", "bin/redtail/main.rs"] {
            if sources.contains_key(root) {
                tree.read_file(sources, root, None, false);
            }
        }
        tree
    }

    fn read_file(
        &mut self,
        sources: &BTreeMap<String, String>,
        path: &str,
        parent: Option<usize>,
        test: bool,
    ) -> usize {
        let text = sources[path].clone();
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        let file = self.files.len();
        let mut tests = Vec::new();
        if test {
            tests.push((1, usize::MAX));
        }
        let functions = Vec::new();
        self.files.push(File { path: path.to_owned(), text, functions, tests, extends: BTreeSet::new() });
        let module = self.add_module(parent, file);
        Reader { tree: self, sources, file }.read(tokens, module, true, test);
        module
    }

    fn add_module(&mut self, parent: Option<usize>, file: usize) -> usize {
        self.modules.push(Module { parent, file, names: BTreeMap::new(), globs: Vec::new(), paths: Vec::new() });
        self.modules.len() - 1
    }

    /// All arrows between two files, and the paths without a definition.
    pub(crate) fn arrows(&self) -> (Vec<Arrow>, Vec<String>) {
        let mut arrows = Vec::new();
        let mut unresolved = Vec::new();
        for (index, module) in self.modules.iter().enumerate() {
            for path in &module.paths {
                let Some(found) = self.resolve(index, &path.names, 0) else {
                    if ["crate", "super", "self"].contains(&path.names[0].as_str()) {
                        let file = &self.files[module.file].path;
                        unresolved.push(format!("{file}:{}: {}", path.line, path.names.join("::")));
                    }
                    continue;
                };
                // An imported module counts where it is used as a prefix. A re-export from its own folder uses nothing.
                let is_prefix = found.module.is_some() && path.names.last().is_some_and(|name| name != "*");
                let is_face = path.origin == Origin::Reexport && self.lineage(self.home(found.file)).contains(&index);
                if found.file == module.file || is_prefix || is_face {
                    continue;
                }
                arrows.push(Arrow {
                    from: module.file,
                    to: found.file,
                    detour: self.detour(index, &found),
                    line: path.line,
                    extends_parent: self.extends(module.file, found.file),
                    name: found.name,
                });
            }
        }
        (arrows, unresolved)
    }

    fn detour(&self, from: usize, found: &Found) -> Option<String> {
        let home = self.lineage(self.home(found.file));
        let is_detour = |&face: &usize| {
            let same_crate = self.root(from) == self.root(face);
            face != from && (self.lineage(from).contains(&face) || same_crate && !home.contains(&face))
        };
        let face = found.faces.iter().copied().find(is_detour)?;
        Some(self.files[self.modules[face].file].path.clone())
    }

    /// The module that a file is.
    fn home(&self, file: usize) -> usize {
        self.modules.iter().position(|module| module.file == file).unwrap_or_default()
    }

    fn root(&self, module: usize) -> usize {
        self.lineage(module).last().copied().unwrap_or_default()
    }

    /// A module, its parent, and so on up to the crate root.
    fn lineage(&self, module: usize) -> Vec<usize> {
        std::iter::successors(Some(module), |&module| self.modules[module].parent).collect()
    }

    /// Whether `child` has an `impl` of a type that it imports from the file that declares it as a module.
    fn extends(&self, child: usize, parent: usize) -> bool {
        let index = self.home(child);
        let module = &self.modules[index];
        if module.parent.is_none_or(|above| self.modules[above].file != parent) {
            return false;
        }
        let mut imports = module.paths.iter().filter(|path| path.origin == Origin::Import);
        imports.any(|path| {
            path.names.last().is_some_and(|name| self.files[child].extends.contains(name))
                && self.resolve(index, &path.names, 0).is_some_and(|found| found.file == parent)
        })
    }

    fn resolve(&self, module: usize, path: &[String], depth: usize) -> Option<Found> {
        if depth > 32 {
            return None;
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.walk(module, self.root(module), rest, depth),
            "self" => self.walk(module, module, rest, depth),
            "super" => {
                let mut above = self.modules[module].parent?;
                let mut rest = rest;
                while rest.first().is_some_and(|name| name == "super") {
                    above = self.modules[above].parent?;
                    rest = &rest[1..];
                }
                self.walk(module, above, rest, depth)
            }
            // In the tool this is the library.
            "redtail" if self.files[self.modules[self.root(module)].file].path != "lib.rs" => {
                self.walk(module, 0, rest, depth)
            }
            _ => self.walk(module, module, path, depth),
        }
    }

    /// Resolves a path relative to `module`. Private imports of `module` count only if `from` can see them.
    fn walk(&self, from: usize, module: usize, path: &[String], depth: usize) -> Option<Found> {
        let Module { file, .. } = self.modules[module];
        let Some((first, rest)) = path.split_first().filter(|(first, _)| *first != "*") else {
            return Some(Found { file, name: "*".to_owned(), module: Some(module), faces: Vec::new() });
        };
        let names = self.modules[module].names.get(first).map_or(&[][..], Vec::as_slice);
        let own = names.iter().find(|name| matches!(name, Name::Own));
        let child = names.iter().find(|name| matches!(name, Name::Module(_)));
        let is_visible = |public: bool| public || self.lineage(from).contains(&module);
        let import = names.iter().find(|name| matches!(name, Name::Import { public, .. } if is_visible(*public)));
        // A module and a function may share a name.
        let choice = if rest.is_empty() { own.or(import).or(child) } else { child.or(own).or(import) };
        match choice {
            Some(Name::Own) => Some(Found { file, name: first.clone(), module: None, faces: Vec::new() }),
            Some(Name::Module(child)) => self.walk(from, *child, rest, depth),
            Some(Name::Import { target, .. }) => {
                let target = [target.as_slice(), rest].concat();
                let mut found = self.resolve(module, &target, depth + 1)?;
                found.faces.insert(0, module);
                Some(found)
            }
            None => self.modules[module].globs.iter().find_map(|(glob, public)| {
                let source = self.resolve(module, glob, depth + 1)?.module.filter(|_| is_visible(*public))?;
                let mut found = self.walk(module, source, path, depth + 1)?;
                found.faces.insert(0, module);
                Some(found)
            }),
        }
    }

    /// The lines of code of a file, without comments and items under `#[cfg(test)]`.
    pub(crate) fn code<'a>(&self, file: &'a File) -> impl Iterator<Item = (usize, &'a str)> {
        let is_test = |line: usize| file.tests.iter().any(|&(first, last)| (first..=last).contains(&line));
        let lines = file.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(move |&(number, line)| !is_test(number) && !line.trim_start().starts_with("//"))
    }

    /// The circles: sets of files that all reach each other along the arrows.
    pub(crate) fn circles(&self, arrows: &[Arrow]) -> Vec<Vec<usize>> {
        let count = self.files.len();
        let mut next = vec![BTreeSet::new(); count];
        for arrow in arrows.iter().filter(|arrow| !arrow.extends_parent) {
            next[arrow.from].insert(arrow.to);
        }
        let reach = |start: usize| {
            let mut seen = BTreeSet::new();
            let mut open = vec![start];
            while let Some(file) = open.pop() {
                open.extend(next[file].iter().filter(|&&to| seen.insert(to)));
            }
            seen
        };
        let reached: Vec<BTreeSet<usize>> = (0..count).map(reach).collect();
        let circle = |file: usize| -> Vec<usize> {
            reached[file].iter().copied().filter(|&other| reached[other].contains(&file)).collect()
        };
        let circles: BTreeSet<Vec<usize>> = (0..count).map(circle).filter(|files| files.len() > 1).collect();
        circles.into_iter().collect()
    }
}

struct Reader<'a> {
    tree: &'a mut Tree,
    sources: &'a BTreeMap<String, String>,
    file: usize,
}

impl Reader<'_> {
    /// Reads one level of tokens. `items`: they are the items of the module, not the inside of one.
    fn read(&mut self, tokens: TokenStream, module: usize, items: bool, test: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            let word = ident(&tokens, at).unwrap_or_default();
            let next = ident(&tokens, at + 1);
            if is_cfg_test(&tokens, at) && !test {
                let end = end_of_item(&tokens, at);
                let lines = (tokens[at].span().start().line, tokens[end].span().end().line);
                self.tree.files[self.file].tests.push(lines);
                self.item_of_tests(&tokens[at..=end], module);
                at = end + 1;
                continue;
            }
            match (word.as_str(), next) {
                ("use", _) if !is_punct(&tokens, at + 1, '<') => {
                    let end = (at..tokens.len()).find(|&end| is_punct(&tokens, end, ';')).unwrap_or(tokens.len());
                    if !test {
                        self.import(&tokens[at + 1..end], module, is_public(&tokens, at));
                    }
                    at = end;
                }
                ("mod", Some(name)) if items => {
                    self.module(&tokens, at, &name, module, test);
                    at += 2;
                }
                ("fn", Some(name)) => {
                    self.function(&tokens, at, &name);
                    if items {
                        self.define(module, &name);
                    }
                    at += 1;
                }
                ("struct" | "enum" | "union" | "trait" | "type" | "const" | "static", Some(name)) if items => {
                    if name != "fn" && name != "unsafe" && name != "extern" {
                        let name = if name == "mut" { ident(&tokens, at + 2).unwrap_or_default() } else { name };
                        self.define(module, &name);
                        at += 1;
                    }
                }
                ("macro_rules", _) => self.define(module, &ident(&tokens, at + 2).unwrap_or_default()),
                ("impl", _) if items => {
                    let extended = extended_type(&tokens[at + 1..]);
                    self.tree.files[self.file].extends.extend(extended);
                }
                ("", _) => {
                    if let TokenTree::Group(group) = &tokens[at] {
                        self.read(group.stream(), module, false, test);
                    }
                }
                _ => at = if test { at } else { self.path(&tokens, at, module) },
            }
            at += 1;
        }
    }

    fn item_of_tests(&mut self, tokens: &[TokenTree], module: usize) {
        let found = (0..tokens.len()).find(|&at| ident(tokens, at).as_deref() == Some("mod"));
        match found.and_then(|at| Some((at, ident(tokens, at + 1)?))) {
            Some((at, name)) if is_punct(tokens, at + 2, ';') => self.module(tokens, at, &name, module, true),
            _ => self.read(tokens.iter().skip(2).cloned().collect(), module, false, true),
        }
    }

    fn module(&mut self, tokens: &[TokenTree], at: usize, name: &str, parent: usize, test: bool) {
        let child = if let Some(TokenTree::Group(group)) = tokens.get(at + 2) {
            let child = self.tree.add_module(Some(parent), self.file);
            self.read(group.stream(), child, true, test);
            child
        } else {
            let path = &self.tree.files[self.file].path;
            let (folder, own) = path.rsplit_once('/').unwrap_or(("", path));
            let inner = own.trim_end_matches(".rs");
            let folder: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
            let own = if ["mod", "lib", "main"].contains(&inner) { &[][..] } else { &[inner] };
            let base = [&folder, own, &[name]].concat().join("/");
            let candidates = [format!("{base}.rs"), format!("{base}/mod.rs")];
            let found = candidates.iter().find(|path| self.sources.contains_key(*path));
            let found = found.unwrap_or_else(|| panic!("{path} declares {name}, which has no file"));
            self.tree.read_file(self.sources, found, Some(parent), test)
        };
        if !test {
            self.tree.modules[parent].names.entry(name.to_owned()).or_default().push(Name::Module(child));
        }
    }

    fn function(&mut self, tokens: &[TokenTree], at: usize, name: &str) {
        let end = end_of_item(tokens, at);
        let (first, last) = (tokens[at].span().start().line, tokens[end].span().end().line);
        let function = Function { name: name.to_owned(), line: first, lines: last - first + 1 };
        self.tree.files[self.file].functions.push(function);
    }

    fn define(&mut self, module: usize, name: &str) {
        self.tree.modules[module].names.entry(name.to_owned()).or_default().push(Name::Own);
    }

    fn import(&mut self, tokens: &[TokenTree], module: usize, public: bool) {
        let mut found = Vec::new();
        use_tree(tokens, &[], &mut found);
        let origin = if public { Origin::Reexport } else { Origin::Import };
        for (names, alias, line) in found {
            if alias == "*" {
                self.tree.modules[module].globs.push((names.clone(), public));
            } else {
                let entry = self.tree.modules[module].names.entry(alias).or_default();
                entry.push(Name::Import { target: names.clone(), public });
            }
            self.tree.modules[module].paths.push(Path { names, line, origin });
        }
    }

    /// A path in the code. Returns the index of its last token.
    fn path(&mut self, tokens: &[TokenTree], at: usize, module: usize) -> usize {
        let mut names = vec![ident(tokens, at).unwrap_or_default()];
        let mut end = at;
        while let (true, true, Some(name)) =
            (is_punct(tokens, end + 1, ':'), is_punct(tokens, end + 2, ':'), ident(tokens, end + 3))
        {
            names.push(name);
            end += 3;
        }
        let before = |back: usize, c: char| at >= back && is_punct(tokens, at - back, c);
        let is_member = before(1, '.') && !before(2, '.') || before(1, '\'') || before(1, ':') && before(2, ':');
        let is_call =
            matches!(tokens.get(end + 1), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
        // A lower-case name alone is a variable or a field unless it is called.
        let is_named = names.len() > 1 || is_call || names[0].starts_with(char::is_uppercase);
        if !is_member && is_named && names[0] != "Self" {
            let line = tokens[at].span().start().line;
            self.tree.modules[module].paths.push(Path { names, line, origin: Origin::Code });
        }
        end
    }
}

/// The paths of a `use`, each with the name it imports (`*` for all) and its line.
fn use_tree(tokens: &[TokenTree], prefix: &[String], found: &mut Vec<(Vec<String>, String, usize)>) {
    let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
    for branch in tokens.split(is_comma).filter(|branch| !branch.is_empty()) {
        let line = branch[0].span().start().line;
        let mut names = prefix.to_vec();
        let mut alias = None;
        for (at, token) in branch.iter().enumerate() {
            match token {
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    use_tree(&inner, &names, found);
                    names.clear();
                }
                TokenTree::Ident(name) if name == "as" => {
                    alias = ident(branch, at + 1);
                    break;
                }
                TokenTree::Ident(name) if name == "self" && !names.is_empty() => {}
                TokenTree::Ident(name) => names.push(name.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == '*' => names.push("*".to_owned()),
                _ => {}
            }
        }
        if let Some(last) = names.last() {
            let alias = alias.unwrap_or_else(|| last.clone());
            found.push((names, alias, line));
        }
    }
}

fn ident(tokens: &[TokenTree], at: usize) -> Option<String> {
    match tokens.get(at) {
        Some(TokenTree::Ident(name)) => Some(name.to_string()),
        _ => None,
    }
}

fn is_punct(tokens: &[TokenTree], at: usize, c: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == c)
}

fn is_public(tokens: &[TokenTree], at: usize) -> bool {
    let back = if matches!(at.checked_sub(1).map(|at| &tokens[at]), Some(TokenTree::Group(_))) { 2 } else { 1 };
    at.checked_sub(back).and_then(|at| ident(tokens, at)).is_some_and(|word| word == "pub")
}

fn is_cfg_test(tokens: &[TokenTree], at: usize) -> bool {
    let Some(TokenTree::Group(group)) = tokens.get(at + 1) else { return false };
    is_punct(tokens, at, '#') && group.stream().to_string().replace(' ', "") == "cfg(test)"
}

/// The index of the body or the semicolon that ends the item at `at`, or of the last token.
fn end_of_item(tokens: &[TokenTree], at: usize) -> usize {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    };
    (at..tokens.len()).find(|&at| is_end(&tokens[at])).unwrap_or(tokens.len() - 1)
}

/// The type that an `impl` extends, given the tokens after the keyword.
/// `Session` for `impl<'a> fmt::Display for Session<'a> {`.
fn extended_type(tokens: &[TokenTree]) -> Option<String> {
    let end = end_of_item(tokens, 0);
    let is_for = |&at: &usize| ident(tokens, at).as_deref() == Some("for") && !is_punct(tokens, at + 1, '<');
    let mut at = (0..end).rev().find(is_for).map_or(0, |at| at + 1);
    if is_punct(tokens, at, '<') {
        let mut depth = 0;
        while at < end {
            depth += i32::from(is_punct(tokens, at, '<'));
            depth -= i32::from(is_punct(tokens, at, '>') && !is_punct(tokens, at - 1, '-'));
            at += 1;
            if depth == 0 {
                break;
            }
        }
    }
    let mut name = ident(tokens, at)?;
    while is_punct(tokens, at + 1, ':') {
        name = ident(tokens, at + 3)?;
        at += 3;
    }
    Some(name)
}

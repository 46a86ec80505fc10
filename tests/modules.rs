//! The shape of the sources: which module may use which, and what only one of them may do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A source file: its path below `src/`, and its code without comments, strings and tests.
struct Source {
    path: String,
    code: String,
}

impl Source {
    /// The top-level module that it belongs to.
    fn module(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files: Vec<PathBuf> = Vec::new();
    let mut pending = vec![root.clone()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    let texts: BTreeMap<PathBuf, String> =
        files.into_iter().map(|file| (file.clone(), std::fs::read_to_string(file).unwrap())).collect();
    let tests = test_files(&texts);
    let own = texts
        .iter()
        .filter(|(file, _)| !tests.iter().any(|test| file.starts_with(test) || file.with_extension("") == *test));
    own.map(|(file, text)| Source {
        path: file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(),
        code: without_tests(&without_texts(text)),
    })
    .collect()
}

/// The modules that are compiled for tests only and have files of their own, without extension.
fn test_files(texts: &BTreeMap<PathBuf, String>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (file, text) in texts {
        let name = file.file_stem().unwrap();
        let directory =
            if name == "lib" || name == "main" { file.parent().unwrap().to_owned() } else { file.with_extension("") };
        for (at, attribute) in text.match_indices("#[cfg(test)]") {
            let item = text[at + attribute.len()..].trim_start().lines().next().unwrap();
            if let Some(name) = item.strip_suffix(';').and_then(|item| item.rsplit_once("mod ")).map(|(_, name)| name) {
                found.push(directory.join(name));
            }
        }
    }
    found
}

/// The code with comments, string and character literals taken out.
fn without_texts(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skipped = match next {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' => 1 + end_of_string(&rest[1..]),
            'r' if !code.ends_with(|c: char| c.is_alphanumeric() || c == '_') => raw_string(rest).unwrap_or(0),
            // A character, or else a lifetime.
            '\'' if rest[1..].starts_with('\\') => 2 + rest[3..].find('\'').unwrap() + 2,
            '\'' if rest.chars().nth(2) == Some('\'') => rest.char_indices().nth(3).map_or(rest.len(), |(at, _)| at),
            _ => 0,
        };
        if skipped == 0 {
            code.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            code.push_str(if next == '/' { "" } else { "\"\"" });
            rest = &rest[skipped..];
        }
    }
    code
}

/// The length of a string's text and its closing quote.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw string, if the text begins with one.
fn raw_string(text: &str) -> Option<usize> {
    let hashes = text[1..].bytes().take_while(|byte| *byte == b'#').count();
    text[1 + hashes..].starts_with('"').then(|| {
        let end = format!("\"{}", "#".repeat(hashes));
        2 + hashes + text[2 + hashes..].find(&end).unwrap() + end.len()
    })
}

/// The code without the items that are compiled for tests only.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = match (rest.find(';'), rest.find('{')) {
            (Some(semicolon), Some(brace)) if semicolon < brace => semicolon + 1,
            (Some(semicolon), None) => semicolon + 1,
            (_, Some(brace)) => brace + block(&rest[brace..]),
            (None, None) => rest.len(),
        };
        rest = &rest[end..];
    }
    kept + rest
}

/// The length of a block in braces.
fn block(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// The modules in the order of the table in `src/lib.rs`.
fn order() -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let row = |line: &str| Some(line.strip_prefix("//! | [`")?.split_once('`')?.0.to_owned());
    text.lines().filter_map(row).collect()
}

/// The top-level modules that a piece of code names: `crate::x` and `crate::{x, y::z}`.
fn used(code: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        if !rest.starts_with('{') {
            found.push(word(rest));
            continue;
        }
        // Names at the depth of this brace.
        let inner = &rest[1..block(rest) - 1];
        let mut depth = 0;
        for part in inner.split_inclusive(['{', '}', ',']) {
            if depth == 0 && !word(part.trim_start()).is_empty() {
                found.push(word(part.trim_start()));
            }
            depth += part.matches('{').count() as i32 - part.matches('}').count() as i32;
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The files whose code holds one of these words, as `file: word`.
fn holders(words: &[&str]) -> Vec<String> {
    let sources = sources();
    let pairs = sources.iter().flat_map(|source| words.iter().map(move |word| (source, word)));
    pairs
        .filter(|(source, word)| source.code.contains(*word))
        .map(|(source, word)| format!("{}: {word}", source.path))
        .collect()
}

#[test]
fn every_module_is_in_the_table_and_uses_only_those_above_it() {
    let order = order();
    let place = |module: &str| order.iter().position(|name| name == module);
    let mut seen = Vec::new();
    for source in sources().iter().filter(|source| !matches!(source.path.as_str(), "lib.rs" | "main.rs")) {
        let own = place(source.module()).unwrap_or_else(|| panic!("{} is not in the table of lib.rs", source.path));
        for used in used(&source.code) {
            let Some(other) = place(&used) else { panic!("{}: crate::{used} is not in the table", source.path) };
            assert!(other <= own, "{}: `{}` may not use `{used}`, which stands below it", source.path, order[own]);
        }
        seen.push(own);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), order.len(), "the table of lib.rs names a module that is not there");
}

#[test]
fn the_reader_of_sources_sees_what_is_code_and_only_that() {
    let text = "use crate::{digest::{Blake3, X}, fs};\n// crate::cli\nconst A: &str = \"crate::http \\\" crate::plan\";\n\
                const B: &str = r#\"crate::store\"#; const C: char = '\"'; fn f<'a>(x: &'a crate::tree::Tree) {}\n\
                #[cfg(test)]\nmod tests { fn g() { crate::builder::run() } }\nconst D: crate::elf::Kind = ();";
    let code = without_tests(&without_texts(text));
    assert_eq!(used(&code), ["digest", "elf", "fs", "tree"], "{code}");
}

#[test]
fn only_the_command_line_prints() {
    let printing = holders(&["println!", "print!", "dbg!"]);
    // The step that compiles C files runs in the sandbox as a build's own process: what it prints is the build's log.
    let elsewhere: Vec<_> = printing
        .iter()
        .filter(|line| {
            !line.starts_with("cli")
                && !line.starts_with("sandbox/compile.rs:")
                && !line.starts_with("sandbox/init.rs:")
                && !line.starts_with("sandbox/init/start.rs:")
        })
        .collect();
    assert_eq!(elsewhere, [""; 0]);
}

#[test]
fn only_http_opens_sockets() {
    let holders =
        holders(&["reqwest", "TcpStream", "TcpListener", "UdpSocket", "UnixStream", "hyper", "libc::connect"]);
    let elsewhere: Vec<_> =
        holders.iter().filter(|line| !line.starts_with("http.rs:") && !line.starts_with("http/")).collect();
    assert_eq!(elsewhere, [""; 0]);
}

#[test]
fn unsafe_code_is_in_two_files() {
    // The second is what the first would be too long with: the calls of a tracer.
    let own = |line: &String| !line.starts_with("sandbox/sys.rs:") && !line.starts_with("sandbox/sys/ptrace.rs:");
    let holders: Vec<_> = holders(&["unsafe"]).into_iter().filter(own).collect();
    assert_eq!(holders, [""; 0]);
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    assert_eq!(holders(&[".unwrap()", "todo!", "unimplemented!"]), [""; 0]);
}

#[test]
fn every_file_says_what_it_does_and_fits_the_house() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for source in sources() {
        let text = std::fs::read_to_string(root.join(&source.path)).unwrap();
        assert!(text.starts_with("//! "), "{} does not begin with its `//!`", source.path);
        assert!(text.lines().count() <= 600, "{} is to be cut: {} lines", source.path, text.lines().count());
    }
}

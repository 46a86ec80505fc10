//! A recipe that is being written, and its text.

use crate::digest::Sha256;

/// What a Rust program's lock file is called, in its source and beside a recipe.
pub const LOCK: &str = "Cargo.lock";

/// What is known of a recipe so far.
#[derive(Debug, Clone)]
pub struct Draft {
    pub name: String,
    pub version: String,
    pub summary: String,
    pub license: String,
    pub homepage: Option<String>,
    pub sha256: Sha256,
    pub url: String,
    /// A comment above the source.
    pub remark: Option<String>,
    /// Libraries, and tools of the build.
    pub target: Vec<String>,
    pub build: Vec<String>,
    /// Whether libraries are looked for with pkg-config.
    pub pkg_config: bool,
    /// The preset; `None`: nobody knows how it is built.
    pub preset: Option<String>,
    /// The lock file that pins a Rust program's crates, which stands beside the recipe.
    pub lock: Option<Vec<u8>>,
    pub drop: Vec<String>,
    /// Whether each program is a component.
    pub utilities: Vec<String>,
    /// The files of `bin`, where it has more than programs.
    pub bin: Vec<String>,
    pub test: Test,
}

/// The first test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Nothing has been installed yet that could be run.
    None,
    /// A program that is asked for its version.
    Version { program: String, word: &'static str },
    /// A file that is only there.
    Present(String),
    /// A library that a program can be linked with.
    Library { header: String, library: String },
}

impl Draft {
    /// The recipe's text, as recipes are written.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: &str| text.push_str(&format!("{key} = {}\n", quoted(value)));
        line("name", &self.name);
        line("version", &self.version);
        line("summary", &self.summary);
        line("license", &self.license);
        if let Some(homepage) = &self.homepage {
            line("homepage", homepage);
        }
        let remark = self.remark.as_ref().map(|remark| format!("# {remark}\n")).unwrap_or_default();
        let url = quoted(&self.url);
        text.push_str(&format!("\n{remark}[[source]]\nsha256 = \"{}\"\nurls = [{url}]\n", self.sha256));
        if !self.target.is_empty() || !self.build.is_empty() {
            text.push_str("\n[dependencies]\n");
            list("target", &self.target, &mut text);
            list("build", &self.build, &mut text);
        }
        text.push_str(&match &self.preset {
            Some(preset) => format!("\n[build]\npreset = {}\n", quoted(preset)),
            None => "\n# How it is built is to be written here.\n[build]\npreset = \"script\"\nscript = '''\n\
                     echo 'this recipe does not say yet how it is built' >&2\nexit 1\n'''\n"
                .to_owned(),
        });
        if self.lock.is_some() {
            text.push_str(&format!("crates = {}\n", quoted(LOCK)));
        }
        if self.pkg_config && self.preset.is_some() {
            text.push_str("env = { PKG_CONFIG_LIBDIR = \"/sysroot/usr/lib/pkgconfig\" }\n");
        }
        if !self.drop.is_empty() || !self.utilities.is_empty() {
            text.push_str("\n[install]\n");
            list("drop", &self.drop, &mut text);
            list("utilities", &self.utilities, &mut text);
        }
        if !self.bin.is_empty() {
            text.push_str("\n[components.bin]\n");
            list("files", &self.bin, &mut text);
        }
        text.push_str(&self.test.text(&self.version));
        text
    }
}

impl Test {
    fn text(&self, version: &str) -> String {
        match self {
            Self::None => "\n# To be written: what a user relies on.\n[[test]]\nscript = \"true\"\n".to_owned(),
            Self::Version { program, word } => format!(
                "\n# Only that it starts: write what a user relies on.\n[[test]]\nrun = [{}, \"{word}\"]\nstdout-has = {}\n",
                quoted(program),
                quoted(version)
            ),
            Self::Present(path) => {
                format!(
                    "\n# Only that it is there: write what a user relies on.\n[[test]]\nscript = \"test -e /{path}\"\n"
                )
            }
            Self::Library { header, library } => format!(
                "\n# Only that it can be linked: write what a user relies on.\n[[test]]\nscript = '''\ncat > t.c <<'E'\n\
                 #include <stddef.h>\n#include <stdio.h>\n#include <{header}>\nint main(void) {{ return 0; }}\nE\n\
                 $CC t.c -l{library} -o t\n./t\n'''\n"
            ),
        }
    }
}

fn list(key: &str, values: &[String], text: &mut String) {
    if !values.is_empty() {
        let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        text.push_str(&format!("{key} = [{}]\n", values.join(", ")));
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_formatted_as_recipes_are() {
        let draft = Draft {
            name: "hello".into(),
            version: "2.12".into(),
            summary: "Says \"hello\"".into(),
            license: "MIT".into(),
            homepage: None,
            sha256: Sha256::of(b""),
            url: "https://example.org/hello-{version}.tar.gz".into(),
            remark: Some("Debian's archive is not quite upstream's.".into()),
            target: vec!["zlib".into()],
            build: vec!["m4".into()],
            pkg_config: true,
            preset: Some("autotools".into()),
            lock: Some(Vec::new()),
            drop: vec!["usr/share/locale/**".into()],
            utilities: Vec::new(),
            bin: vec!["usr/bin/**".into()],
            test: Test::Version { program: "hello".into(), word: "--version" },
        };
        let text = draft.text();
        assert_eq!(crate::recipe::format(&text).unwrap(), text);
        for test in
            [Test::None, Test::Present("usr/bin/x".into()), Test::Library { header: "x.h".into(), library: "x".into() }]
        {
            let text = Draft { preset: None, test, ..draft.clone() }.text();
            assert_eq!(crate::recipe::format(&text).unwrap(), text);
        }
    }
}

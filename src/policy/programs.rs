//! Shells, interpreters and package managers: known by their names, and by texts that are in them under any name.

use memchr::memmem;
use serde::{Deserialize, Serialize};

/// What kind of program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProgramKind {
    /// It runs commands.
    Shell,
    /// It runs programs that are text.
    Interpreter,
    /// It installs and removes software.
    PackageManager,
}

/// A program of one of these kinds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Which kind.
    pub kind: ProgramKind,
    /// Its own name, `bash`, whatever the file is called.
    pub name: String,
}

use ProgramKind::{Interpreter, PackageManager, Shell};

/// A program with its file names and the texts that all stand in it. A version at the end of a file's name does not
/// count: `python3.11` is `python`.
struct Known {
    kind: ProgramKind,
    name: &'static str,
    names: &'static [&'static str],
    texts: &'static [&'static str],
}

const fn known(
    kind: ProgramKind,
    name: &'static str,
    names: &'static [&'static str],
    texts: &'static [&'static str],
) -> Known {
    Known { kind, name, names, texts }
}

/// Texts are names of variables, options and messages that users rely on, so that no version lacks them; each set
/// was held against all our programs and those of Debian's main shells and interpreters.
const KNOWN: &[Known] = &[
    known(Shell, "bash", &["bash", "rbash"], &["BASH_VERSINFO", "BASH_LINENO", "PROMPT_COMMAND"]),
    known(Shell, "dash", &["sh", "dash", "ash"], &["OPTIND=1", "PPID", "CDPATH", "times", "getopts"]),
    known(Shell, "zsh", &["zsh", "rzsh"], &["ZSH_VERSION", "ZDOTDIR", "fpath"]),
    known(
        Shell,
        "ksh",
        &["ksh", "ksh93", "mksh", "lksh", "oksh", "pdksh"],
        &["KSH_VERSION", "FCEDIT", "HISTSIZE", "fc -e"],
    ),
    known(Shell, "fish", &["fish"], &["fish_user_paths", "fish_greeting"]),
    known(Shell, "csh", &["csh", "tcsh", "bsd-csh"], &["noclobber", "histchars", "foreach", "breaksw"]),
    known(Shell, "yash", &["yash"], &["YASH_VERSION"]),
    known(Shell, "elvish", &["elvish", "nu", "pwsh", "xonsh", "rc", "es"], &[]),
    known(Shell, "sash", &["sash"], &["Stand-alone shell"]),
    known(Interpreter, "python", &["python", "pypy"], &["PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP"]),
    known(Interpreter, "perl", &["perl"], &["PERL5LIB", "PERL5OPT"]),
    known(Interpreter, "ruby", &["ruby", "jruby", "mruby"], &["RUBYLIB", "RUBYOPT"]),
    known(Interpreter, "node", &["node", "nodejs", "deno", "bun", "qjs"], &["NODE_OPTIONS", "NODE_PATH"]),
    known(Interpreter, "php", &["php", "php-cgi", "php-fpm"], &["PHP_INI_SCAN_DIR", "PHPRC"]),
    known(Interpreter, "lua", &["lua", "luajit"], &["LUA_INIT", "LUA_PATH", "lua_debug> "]),
    known(Interpreter, "tcl", &["tclsh", "wish", "jimsh", "expect"], &["TCLLIBPATH", "tcl_rcFileName"]),
    known(
        Interpreter,
        "awk",
        &["awk", "gawk", "mawk", "nawk", "original-awk"],
        &["SUBSEP", "RSTART", "RLENGTH", "FILENAME"],
    ),
    known(Interpreter, "java", &["java"], &["JDK_JAVA_OPTIONS"]),
    known(
        Interpreter,
        "guile",
        &["guile", "scheme", "racket", "sbcl", "gforth", "erl", "escript", "ocaml", "gdb"],
        &["GUILE_LOAD_PATH"],
    ),
    known(PackageManager, "dpkg", &["dpkg", "dpkg-deb", "dpkg-query"], &["DPKG_MAINTSCRIPT_PACKAGE"]),
    known(PackageManager, "apt", &["apt", "apt-get", "apt-cache", "aptitude"], &[]),
    known(PackageManager, "apk", &["apk"], &["apk_database", "lib/apk/db/installed"]),
    known(PackageManager, "rpm", &["rpm", "dnf", "microdnf", "yum", "zypper"], &["RPMTAG_", "rpmdbOpen"]),
    known(PackageManager, "pacman", &["pacman"], &["libalpm", "pacman.conf"]),
    known(
        PackageManager,
        "opkg",
        &["opkg", "ipkg", "xbps-install", "emerge", "nix", "nix-env", "guix", "brew"],
        &["opkg.conf"],
    ),
    known(
        PackageManager,
        "pip",
        &["pip", "pipx", "uv", "gem", "npm", "npx", "yarn", "pnpm", "cargo", "conda", "cpan"],
        &[],
    ),
];

/// The program that a file name is the name of.
pub(super) fn named(file_name: &str) -> Option<Program> {
    let plain = file_name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').trim_end_matches('-');
    let found = KNOWN.iter().find(|known| known.names.contains(&file_name) || known.names.contains(&plain))?;
    Some(found.program())
}

/// The program that a file's bytes are, whatever it is called. Only programs are looked into.
pub(super) fn recognise(bytes: &[u8]) -> Option<Program> {
    if !bytes.starts_with(crate::elf::MAGIC) {
        return None;
    }
    let holds = |text: &&str| memmem::find(bytes, text.as_bytes()).is_some();
    let found = KNOWN.iter().find(|known| !known.texts.is_empty() && known.texts.iter().all(holds))?;
    Some(found.program())
}

impl Known {
    fn program(&self) -> Program {
        Program { kind: self.kind, name: self.name.to_owned() }
    }
}

impl std::fmt::Display for ProgramKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Shell => "shell",
            Self::Interpreter => "interpreter",
            Self::PackageManager => "package manager",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_does_not_hide_a_name() {
        for (file, program) in [("python3.11", "python"), ("lua5.4", "lua"), ("sh", "dash"), ("apt-get", "apt")] {
            assert_eq!(named(file).unwrap().name, program, "{file}");
        }
        for innocent in ["jq", "sha256sum", "nginx", "bashful", "pythonic", "3"] {
            assert_eq!(named(innocent), None, "{innocent}");
        }
    }

    #[test]
    fn a_renamed_program_is_known_by_what_it_holds() {
        let bytes = std::fs::read("/bin/bash").unwrap();
        assert_eq!(recognise(&bytes), Some(Program { kind: Shell, name: "bash".to_owned() }));
        assert_eq!(recognise(b"BASH_VERSINFO BASH_LINENO PROMPT_COMMAND"), None, "a text about bash is no shell");
    }
}

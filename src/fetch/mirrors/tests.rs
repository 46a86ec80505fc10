//! The order in which a host's settings decide, and what is said when none does.

use super::*;

fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    root
}

fn mirrors(root: &Path, variables: &[(&str, &str)]) -> Result<Mirrors, ConfigError> {
    let home = root.join("home/mason").display().to_string();
    let env = |name: &str| match name {
        "HOME" => Some(home.clone()),
        _ => variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.to_string()),
    };
    Mirrors::from_host(&env, root)
}

fn urls(mirrors: &Mirrors, location: &str) -> Vec<String> {
    let addresses = mirrors.resolve(&location.parse().unwrap(), &Sha256::of(b"")).unwrap();
    addresses
        .into_iter()
        .map(|address| match address {
            Address::Url(url) => url,
            Address::Simple { page, .. } => page,
            Address::Sparse { .. } => "an index".to_owned(),
        })
        .collect()
}

#[test]
fn the_environment_goes_before_the_users_file_and_that_before_apt() {
    let files = [
        ("etc/apt/sources.list", "deb http://apt.example.org/debian bookworm main\n"),
        (
            "home/mason/.config/drystone/config.toml",
            "mirrors.debian = ['https://a.example.org/debian/', '/srv/debian']\n",
        ),
    ];
    let location = "debian:pool/main/g/g++/g++_1~2.tar.xz";
    let tail = "pool/main/g/g%2b%2b/g%2b%2b_1~2.tar.xz";
    let both = host(&files);
    let env = [("DRYSTONE_MIRROR_DEBIAN", "http://one.example.org  http://two.example.org/x/")];
    assert_eq!(
        urls(&mirrors(both.path(), &env).unwrap(), location),
        [format!("http://one.example.org/{tail}"), format!("http://two.example.org/x/{tail}")]
    );
    assert_eq!(
        urls(&mirrors(both.path(), &[]).unwrap(), location),
        [format!("https://a.example.org/debian/{tail}"), format!("file:///srv/debian/{tail}")]
    );
    let apt = host(&files[..1]);
    assert_eq!(urls(&mirrors(apt.path(), &[]).unwrap(), location), [format!("http://apt.example.org/debian/{tail}")]);
}

#[test]
fn crates_and_projects_have_their_own_forms() {
    let root = host(&[]);
    let env = [
        ("DRYSTONE_MIRROR_CRATES", "sparse+https://index.example.org/ https://dl.example.org/crates"),
        ("DRYSTONE_MIRROR_PYPI", "https://pypi.example.org/simple/"),
    ];
    let mirrors = mirrors(root.path(), &env).unwrap();
    assert_eq!(
        urls(&mirrors, "crate:ripgrep/14.1.0"),
        ["an index", "https://dl.example.org/crates/ripgrep/14.1.0/download"]
    );
    assert_eq!(urls(&mirrors, "pypi:Foo_Bar/foo_bar-1.tar.gz"), ["https://pypi.example.org/simple/foo-bar/"]);
}

#[test]
fn a_modules_capitals_are_spelled_as_proxies_do() {
    let go_env = [("home/mason/.config/go/env", "GOFLAGS=-v\nGOPROXY=https://go.example.org/a/|direct\n")];
    let root = host(&go_env);
    let location = "gomod:github.com/BurntSushi/toml/v2/v2.0.0-RC1+incompatible";
    let tail = "github.com/!burnt!sushi/toml/v2/@v/v2.0.0-!r!c1%2bincompatible.zip";
    let found = urls(&mirrors(root.path(), &[]).unwrap(), location);
    assert_eq!(found, [format!("https://go.example.org/a/{tail}")]);
    let env = [("GOPROXY", "direct,https://one.example.org,file:///srv/go,off,https://never.example.org")];
    let found = urls(&mirrors(root.path(), &env).unwrap(), location);
    assert_eq!(found, [format!("https://one.example.org/{tail}"), format!("file:///srv/go/{tail}")]);
    let env = [("GOPROXY", "https://one.example.org"), ("DRYSTONE_MIRROR_GO", "https://two.example.org")];
    let found = urls(&mirrors(root.path(), &env).unwrap(), location);
    assert_eq!(found, [format!("https://two.example.org/{tail}")]);
}

#[test]
fn a_host_without_a_mirror_is_told_what_to_set() {
    let root = host(&[]);
    let config = root.path().join("home/mason/.config/drystone/config.toml");
    let mirrors = mirrors(root.path(), &[]).unwrap();
    for (location, kind, variable, key, example) in [
        ("debian:pool/x", "Debian", "DRYSTONE_MIRROR_DEBIAN", "debian", "https://mirror.example.org/debian"),
        ("crate:a/1", "crate", "DRYSTONE_MIRROR_CRATES", "crates", "sparse+https://index.example.org/"),
        ("gomod:a.b/c/v1.0.0", "Go module", "DRYSTONE_MIRROR_GO", "go", "https://goproxy.example.org"),
        ("pypi:a/a-1.zip", "PyPI", "DRYSTONE_MIRROR_PYPI", "pypi", "https://pypi.example.org/simple"),
    ] {
        let error = mirrors.resolve(&location.parse().unwrap(), &Sha256::of(b"")).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "{location}: no {kind} mirror is known: set {variable}={example}, \
                 or write `mirrors.{key} = [\"{example}\"]` into {}",
                config.display()
            )
        );
    }
}

#[test]
fn a_mistake_in_the_users_file_is_named_with_its_line() {
    for (text, line, message) in [
        ("[mirrors]\ndebian = [\n", 2, "unclosed array, expected `]`"),
        ("\n[mirrors]\ndebain = []\n", 3, "unknown field `debain`, expected one of `debian`, `crates`, `go`, `pypi`"),
        (
            "[mirrors]\npypi = 'https://pypi.example.org'\n",
            2,
            "invalid type: string \"https://pypi.example.org\", expected a sequence",
        ),
    ] {
        let root = host(&[("home/mason/.config/drystone/config.toml", text)]);
        let path = root.path().join("home/mason/.config/drystone/config.toml");
        let error = mirrors(root.path(), &[]).unwrap_err().to_string();
        assert_eq!(error, format!("{}:{line}: {message}", path.display()));
    }
}

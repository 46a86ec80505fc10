//! Versions as indexes and directories list them, and files that are pinned for the first time.

mod loopback;

use drystone::digest::Sha256;
use drystone::fetch::{FetchError, Fetcher, Listed, Mirrors, Policy, list};
use drystone::progress::Silent;
use drystone::recipe::{Location, Shelf};
use drystone::store::Store;
use loopback::{Answer, Server, client};

fn mirrors(variables: &[(&str, String)]) -> Mirrors {
    let root = tempfile::tempdir().unwrap();
    let env = |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.clone());
    Mirrors::from_host(&env, root.path()).unwrap()
}

async fn names(shelf: Shelf, mirrors: &Mirrors) -> Vec<(String, bool)> {
    let listed = list(&shelf, mirrors, &client()).await.unwrap();
    listed.into_iter().map(|Listed { name, sha256 }| (name, sha256.is_some())).collect()
}

fn pair(name: &str, has_digest: bool) -> (String, bool) {
    (name.to_owned(), has_digest)
}

/// A registry with one crate: a release, one that is yanked, and one whose file is not what the index says.
fn registry() -> Server {
    Server::start(|asked| match asked.path {
        "/index/config.json" => Answer::Text("application/json", format!("{{\"dl\": \"{}/dl\"}}", asked.base)),
        "/index/st/on/stones" => {
            let line = |version: &str, bytes: &[u8], yanked: bool| {
                let digest = Sha256::of(bytes);
                format!("{{\"name\":\"Stones\",\"vers\":\"{version}\",\"cksum\":\"{digest}\",\"yanked\":{yanked}}}\n")
            };
            let page = line("1.0.0", b"one", false) + &line("1.1.0", b"two", true) + &line("1.2.0", b"three", false);
            Answer::Text("text/plain", page)
        }
        "/dl/Stones/1.0.0/download" => Answer::File(b"one".to_vec()),
        "/dl/Stones/1.2.0/download" => Answer::File(b"not three".to_vec()),
        _ => Answer::Status(404),
    })
}

#[tokio::test]
async fn what_is_yanked_is_not_listed() {
    let server = registry();
    let crates = mirrors(&[("DRYSTONE_MIRROR_CRATES", format!("sparse+{}", server.url("/index/")))]);
    assert_eq!(names(Shelf::Crate("Stones".into()), &crates).await, [pair("1.0.0", true), pair("1.2.0", true)]);

    let digest = Sha256::of(b"one");
    let json = format!(
        r#"{{"files": [{{"filename": "a-1.tar.gz", "url": "x", "hashes": {{"sha256": "{digest}"}}, "yanked": false}},
            {{"filename": "a-2.tar.gz", "url": "x", "hashes": {{}}, "yanked": "broken"}}]}}"#
    );
    let html = format!(
        r#"<a href="../a-1.tar.gz#sha256={digest}">a-1.tar.gz</a><a href="a-2.tar.gz" data-yanked="">a-2.tar.gz</a>"#
    );
    for (kind, page) in [("application/vnd.pypi.simple.v1+json", json), ("text/html", html)] {
        let server = Server::start(move |asked| match asked.path {
            "/simple/a/" => Answer::Text(kind, page.clone()),
            _ => Answer::Status(404),
        });
        let pypi = mirrors(&[("DRYSTONE_MIRROR_PYPI", server.url("/simple"))]);
        assert_eq!(names(Shelf::Pypi("A".into()), &pypi).await, [pair("a-1.tar.gz", true)]);
    }
}

#[tokio::test]
async fn one_mirror_that_lists_is_enough_and_none_is_an_error() {
    let server = Server::start(|asked| match asked.path {
        "/two/pool/main/g/g%2b%2b/" => {
            Answer::Text("text/html", "<a href='/x/g%2B%2B_1.tar.xz?C=N'>g++</a>".to_owned())
        }
        _ => Answer::Status(404),
    });
    let both = mirrors(&[("DRYSTONE_MIRROR_DEBIAN", format!("{} {}", server.url("/one"), server.url("/two")))]);
    let shelf = Shelf::Debian("pool/main/g/g++".into());
    assert_eq!(names(shelf.clone(), &both).await, [pair("g++_1.tar.xz", false)]);
    let one = mirrors(&[("DRYSTONE_MIRROR_DEBIAN", server.url("/one"))]);
    let refusal = list(&shelf, &one, &client()).await.unwrap_err().line();
    assert_eq!(refusal, format!("{}: the server answered 404 Not Found", server.url("/one/pool/main/g/g%2b%2b/")));
    let none = list(&shelf, &mirrors(&[]), &client()).await.unwrap_err().line();
    assert!(
        none.starts_with("debian:pool/main/g/g++: no Debian mirror is known: set DRYSTONE_MIRROR_DEBIAN="),
        "{none}"
    );
    let template = mirrors(&[("DRYSTONE_MIRROR_CRATES", server.url("/dl"))]);
    let no_list = list(&Shelf::Crate("a".into()), &template, &client()).await.unwrap_err().line();
    assert_eq!(no_list, "crate:a: the mirror that is configured gives single files and lists none");
}

#[tokio::test]
async fn a_file_is_pinned_from_the_first_place_that_has_it_and_held_to_what_its_index_says() {
    let server = registry();
    let mirrors = mirrors(&[("DRYSTONE_MIRROR_CRATES", format!("sparse+{}", server.url("/index/")))]);
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::open(scratch.path()).unwrap();
    let policy = Policy { tries: 1, ..Policy::default() };
    let client = client();
    let fetcher = Fetcher { store: &store, client: &client, mirrors: &mirrors, policy, sink: &Silent };
    let at = |text: &str| text.parse::<Location>().unwrap();
    let missing = at(&server.url("/nowhere/stones.tar"));

    let pinned = fetcher.pin("stones", &[missing.clone(), at("crate:Stones/1.0.0")], None).await.unwrap();
    assert_eq!((pinned.sha256, pinned.from), (Sha256::of(b"one"), Some(at("crate:Stones/1.0.0"))));
    assert_eq!(store.source(&pinned.sha256), Some(pinned.path));

    let error = fetcher.pin("stones", &[missing, at("crate:Stones/1.2.0")], None).await.unwrap_err();
    let FetchError::Unpinned { refusals, .. } = &error else { panic!("{error}") };
    assert_eq!(refusals.len(), 2);
    assert!(refusals[1].line().contains(": wrong bytes: expected sha256 "), "{error}");
    assert_eq!(store.source(&Sha256::of(b"not three")), None, "nothing of it was published");
    assert!(fetcher.pin("stones", &[at("crate:Stones/1.1.0")], None).await.is_err(), "yanked");
}

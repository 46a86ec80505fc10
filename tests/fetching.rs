//! Sources on their way into the store: from good, broken, lying and absent servers.

mod loopback;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use drystone::digest::Sha256;
use drystone::fetch::{FetchError, Fetcher, Mirrors, Policy, Request};
use drystone::http::Client;
use drystone::progress::{Event, Silent, Sink};
use drystone::store::Store;
use loopback::{Answer, Server, client};

const BYTES: &[u8] = b"stones without mortar";

/// A store, a client and mirrors, for one story.
struct Yard {
    scratch: tempfile::TempDir,
    store: Store,
    client: Client,
    mirrors: Mirrors,
    policy: Policy,
}

impl Yard {
    fn new() -> Self {
        Self::with_environment(&[])
    }

    fn with_environment(variables: &[(&str, String)]) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let env = |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.clone());
        let mirrors = Mirrors::from_host(&env, &scratch.path().join("root")).unwrap();
        let store = Store::open(&scratch.path().join("store")).unwrap();
        let policy = Policy { pause: Duration::ZERO, ..Policy::default() };
        Self { store, client: client(), mirrors, policy, scratch }
    }

    fn fetcher<'a>(&'a self, sink: &'a dyn Sink) -> Fetcher<'a> {
        let Self { store, client, mirrors, policy, .. } = self;
        Fetcher { store, client, mirrors, policy: policy.clone(), sink }
    }

    async fn fetch(&self, request: &Request) -> Result<PathBuf, FetchError> {
        self.fetcher(&Silent).fetch(request).await
    }

    /// Leaves bytes as an interrupted run would.
    fn leave(&self, bytes: &[u8]) {
        let partial = self.partial();
        std::fs::create_dir_all(partial.parent().unwrap()).unwrap();
        std::fs::write(partial, bytes).unwrap();
    }

    fn partial(&self) -> PathBuf {
        self.store.partial_source(&Sha256::of(BYTES))
    }

    fn assert_nothing_left(&self) {
        assert!(!self.partial().exists(), "no partial file is left");
        assert_eq!(self.store.source(&Sha256::of(BYTES)), None, "nothing was published");
    }
}

fn request(locations: &[String]) -> Request {
    let locations = locations.iter().map(|location| location.parse().unwrap()).collect();
    Request { label: "mortar.tar".to_owned(), sha256: Sha256::of(BYTES), locations }
}

fn assert_source(path: &Path) {
    assert_eq!(std::fs::read(path).unwrap(), BYTES);
}

/// A sink that remembers.
#[derive(Default)]
struct Notes(Mutex<Vec<Event>>);

impl Sink for Notes {
    fn event(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

#[tokio::test]
async fn a_source_is_downloaded_once_and_then_found() {
    let server = Server::start(|_| Answer::File(BYTES.to_vec()));
    let yard = Yard::new();
    let request = request(&[server.url("/f")]);
    let path = yard.fetch(&request).await.unwrap();
    assert_source(&path);
    assert!(!yard.partial().exists());
    assert_eq!(yard.fetch(&request).await.unwrap(), path);
    assert_eq!(server.log(), ["/f"]);
}

#[tokio::test]
async fn a_connection_that_breaks_is_resumed() {
    let server = Server::start(|asked| match asked.before {
        0 => Answer::Cut(BYTES.to_vec(), 6),
        1 => Answer::Cut(BYTES.to_vec(), 4),
        _ => Answer::File(BYTES.to_vec()),
    });
    let yard = Yard::new();
    let notes = Notes::default();
    assert_source(&yard.fetcher(&notes).fetch(&request(&[server.url("/f")])).await.unwrap());
    assert_eq!(server.log(), ["/f", "/f from 6", "/f from 10"]);

    let name = || "mortar.tar".to_owned();
    let started = |resumed_at| Event::DownloadStarted { name: name(), size: Some(21), resumed_at };
    let events = notes.0.into_inner().unwrap();
    let starts: Vec<_> = events.iter().filter(|event| matches!(event, Event::DownloadStarted { .. })).collect();
    assert_eq!(starts, [&started(0), &started(6), &started(10)]);
    let advanced = |event: &Event| if let Event::DownloadAdvanced { bytes, .. } = event { *bytes } else { 0 };
    assert_eq!(events.iter().map(advanced).sum::<u64>(), 21);
    assert_eq!(events.last(), Some(&Event::DownloadFinished { name: name() }));
}

#[tokio::test]
async fn what_an_earlier_run_left_is_used() {
    let server = Server::start(|_| Answer::File(BYTES.to_vec()));
    let yard = Yard::new();
    yard.leave(&BYTES[..7]);
    assert_source(&yard.fetch(&request(&[server.url("/f")])).await.unwrap());
    assert_eq!(server.log(), ["/f from 7"]);
}

#[tokio::test]
async fn a_whole_file_that_an_earlier_run_left_needs_no_network() {
    let yard = Yard::new();
    yard.leave(BYTES);
    assert_source(&yard.fetch(&request(&[])).await.unwrap());
}

#[tokio::test]
async fn rubbish_that_an_earlier_run_left_is_not_blamed_on_the_server() {
    for (left, log) in [
        (&b"rubbish"[..], ["/f from 7", "/f"]),
        // Longer than the file: the server has no such part.
        (&b"rubbish, and much more of it"[..], ["/f from 28", "/f"]),
    ] {
        let server = Server::start(|_| Answer::File(BYTES.to_vec()));
        let yard = Yard::new();
        yard.leave(left);
        assert_source(&yard.fetch(&request(&[server.url("/f")])).await.unwrap());
        assert_eq!(server.log(), log);
    }
}

#[tokio::test]
async fn a_server_that_does_not_do_ranges_or_does_them_wrong_is_asked_for_the_whole() {
    for (answer, log) in
        [(Answer::Whole as fn(Vec<u8>) -> Answer, &["/f from 7"][..]), (Answer::WrongPart, &["/f from 7", "/f"])]
    {
        let server = Server::start(move |_| answer(BYTES.to_vec()));
        let yard = Yard::new();
        yard.leave(&BYTES[..7]);
        assert_source(&yard.fetch(&request(&[server.url("/f")])).await.unwrap());
        assert_eq!(server.log(), log);
    }
}

#[tokio::test]
async fn an_error_that_may_pass_is_tried_four_times() {
    let server = Server::start(|asked| match (asked.path, asked.before) {
        ("/soon", 3) => Answer::File(BYTES.to_vec()),
        _ => Answer::Status(503),
    });
    let yard = Yard::new();
    assert_source(&yard.fetch(&request(&[server.url("/soon")])).await.unwrap());

    let yard = Yard::new();
    let url = server.url("/never");
    let error = yard.fetch(&request(std::slice::from_ref(&url))).await.unwrap_err().to_string();
    let sha256 = Sha256::of(BYTES);
    assert_eq!(
        error,
        format!("cannot fetch mortar.tar (sha256 {sha256}):\n  {url}: the server answered 503 Service Unavailable")
    );
    assert_eq!(server.log(), ["/soon"; 4].into_iter().chain(["/never"; 4]).collect::<Vec<_>>());
    yard.assert_nothing_left();
}

#[tokio::test]
async fn the_next_location_is_asked_before_the_first_one_again() {
    let server = Server::start(|asked| match asked.path {
        "/good" => Answer::File(BYTES.to_vec()),
        _ => Answer::Cut(BYTES.to_vec(), 5),
    });
    let yard = Yard::new();
    assert_source(&yard.fetch(&request(&[server.url("/bad"), server.url("/good")])).await.unwrap());
    assert_eq!(server.log(), ["/bad", "/good from 5"]);
}

#[tokio::test]
async fn wrong_bytes_are_never_published_and_their_place_is_left_alone() {
    let wrong = b"sand";
    let server = Server::start(move |asked| match asked.path {
        "/wrong" => Answer::File(wrong.to_vec()),
        "/gone" => Answer::Status(404),
        _ => Answer::Status(500),
    });
    let yard = Yard::new();
    let urls = ["/wrong", "/gone", "/ill"].map(|path| server.url(path));
    let error = yard.fetch(&request(&urls)).await.unwrap_err().to_string();
    let [lying, gone, ill] = &urls;
    let (expected, found) = (Sha256::of(BYTES), Sha256::of(wrong));
    assert_eq!(
        error,
        format!(
            "cannot fetch mortar.tar (sha256 {expected}):\n  \
             {lying}: wrong bytes: expected sha256 {expected}, found {found}\n  \
             {gone}: the server answered 404 Not Found\n  \
             {ill}: the server answered 500 Internal Server Error"
        )
    );
    assert_eq!(server.log(), ["/wrong", "/gone", "/ill", "/ill", "/ill", "/ill"]);
    yard.assert_nothing_left();
}

#[tokio::test]
async fn a_liar_that_breaks_off_does_not_spoil_the_next_location() {
    let server = Server::start(|asked| match asked.path {
        "/liar" => Answer::Cut(b"sand that looks like".to_vec(), 10),
        _ => Answer::File(BYTES.to_vec()),
    });
    let yard = Yard::new();
    assert_source(&yard.fetch(&request(&[server.url("/liar"), server.url("/good")])).await.unwrap());
    assert_eq!(server.log(), ["/liar", "/good from 10", "/good"]);
}

#[tokio::test]
async fn a_file_url_is_copied_and_verified_as_any_other() {
    let yard = Yard::new();
    let file = |name: &str, bytes: &[u8]| {
        let path = yard.scratch.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        format!("file://{}", path.display())
    };
    let (absent, wrong) = (format!("file://{}/absent", yard.scratch.path().display()), file("wrong", b"sand"));
    let locations = [absent.clone(), wrong.clone()];
    let error = yard.fetch(&request(&locations)).await.unwrap_err().to_string();
    let (expected, found) = (Sha256::of(BYTES), Sha256::of(b"sand"));
    assert_eq!(
        error,
        format!(
            "cannot fetch mortar.tar (sha256 {expected}):\n  \
             {absent}: no readable file: cannot open {}: No such file or directory (os error 2)\n  \
             {wrong}: wrong bytes: expected sha256 {expected}, found {found}",
            absent.trim_start_matches("file://")
        )
    );
    yard.assert_nothing_left();
    assert_source(&yard.fetch(&request(&[file("right", BYTES)])).await.unwrap());
}

#[tokio::test]
async fn an_offline_run_takes_what_is_there_and_says_what_is_not() {
    let server = Server::start(|_| Answer::File(BYTES.to_vec()));
    let mut yard = Yard::new();
    let request = request(&[server.url("/f")]);
    yard.policy.offline = true;
    let error = yard.fetch(&request).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "mortar.tar (sha256 {}) is not in the store, and the run is offline: fetch it once with the network",
            Sha256::of(BYTES)
        )
    );
    assert!(server.log().is_empty());
    yard.policy.offline = false;
    yard.fetch(&request).await.unwrap();
    yard.policy.offline = true;
    assert_source(&yard.fetch(&request).await.unwrap());
}

#[tokio::test]
async fn two_fetches_of_one_source_download_it_once() {
    let server = Server::start(|_| Answer::File(BYTES.to_vec()));
    let yard = Yard::new();
    let request = request(&[server.url("/f")]);
    let (first, second) = tokio::join!(yard.fetch(&request), yard.fetch(&request));
    assert_source(&first.unwrap());
    assert_source(&second.unwrap());
    assert_eq!(server.log(), ["/f"]);
    assert!(!yard.partial().exists());
}

#[tokio::test]
async fn all_are_fetched_though_some_fail_and_each_only_once() {
    let server = Server::start(|asked| match asked.path {
        "/gone" => Answer::Status(404),
        path => Answer::File(path.as_bytes().to_vec()),
    });
    let yard = Yard::new();
    let wanted = |path: &str, location: &str| Request {
        label: path.to_owned(),
        sha256: Sha256::of(path.as_bytes()),
        locations: vec![server.url(location).parse().unwrap()],
    };
    let mut requests: Vec<_> = (0..20).map(|n| format!("/{n}")).map(|path| wanted(&path, &path)).collect();
    requests.insert(3, wanted("/missing", "/gone"));
    // The same sources again, one of them with a location that works.
    requests.push(wanted("/missing", "/gone"));
    requests.insert(0, wanted("/7", "/gone"));
    let errors = yard.fetcher(&Silent).fetch_all(&requests).await.unwrap_err();
    let errors: Vec<_> = errors.iter().map(FetchError::to_string).collect();
    let sha256 = Sha256::of(b"/missing");
    let gone = server.url("/gone");
    assert_eq!(
        errors,
        [format!("cannot fetch /missing (sha256 {sha256}):\n  {gone}: the server answered 404 Not Found")]
    );
    for n in 0..20 {
        let path = format!("/{n}");
        assert!(yard.store.source(&Sha256::of(path.as_bytes())).is_some(), "{path}");
        assert_eq!(server.log().iter().filter(|asked| **asked == path).count(), 1, "{path}");
    }
    assert_eq!(server.log().iter().filter(|asked| **asked == "/gone").count(), 2, "once for each source");
    yard.fetcher(&Silent).fetch_all(&[]).await.unwrap();
}

#[tokio::test]
async fn mirrors_are_tried_in_their_order() {
    let server = Server::start(|asked| match asked.path {
        "/two/pool/m/mortar.tar" => Answer::File(BYTES.to_vec()),
        _ => Answer::Status(404),
    });
    let bases = format!("{} {}", server.url("/one"), server.url("/two"));
    let yard = Yard::with_environment(&[("DRYSTONE_MIRROR_DEBIAN", bases)]);
    let locations = ["pypi:mortar/mortar.tar".to_owned(), "debian:pool/m/mortar.tar".to_owned()];
    assert_source(&yard.fetch(&request(&locations)).await.unwrap());
    assert_eq!(server.log(), ["/one/pool/m/mortar.tar", "/two/pool/m/mortar.tar"]);
}

#[tokio::test]
async fn a_sparse_index_says_where_its_crates_are() {
    let server = Server::start(|asked| match asked.path {
        "/index/config.json" if asked.before == 0 => Answer::Status(502),
        "/index/config.json" => Answer::Text(
            "application/json",
            format!(r#"{{"dl": "{}/dl/{{prefix}}/{{crate}}-{{version}}"}}"#, asked.base),
        ),
        "/dl/mo/rt/mortar-1.0.0" => Answer::File(BYTES.to_vec()),
        _ => Answer::Status(404),
    });
    let yard = Yard::with_environment(&[("DRYSTONE_MIRROR_CRATES", format!("sparse+{}", server.url("/index/")))]);
    assert_source(&yard.fetch(&request(&["crate:mortar/1.0.0".to_owned()])).await.unwrap());
    let unknown = Request { sha256: Sha256::of(b"sand"), ..request(&["crate:mortar/2.0.0".to_owned()]) };
    let error = yard.fetch(&unknown).await.unwrap_err().to_string();
    let (sha256, url) = (Sha256::of(b"sand"), server.url("/dl/mo/rt/mortar-2.0.0"));
    assert_eq!(
        error,
        format!("cannot fetch mortar.tar (sha256 {sha256}):\n  {url}: the server answered 404 Not Found")
    );
    let asked = ["/index/config.json", "/index/config.json", "/dl/mo/rt/mortar-1.0.0", "/dl/mo/rt/mortar-2.0.0"];
    assert_eq!(server.log(), asked, "the index is asked until it answers, and not again");
}

#[tokio::test]
async fn a_module_proxy_has_capitals_as_exclamations() {
    let server = Server::start(|asked| match asked.path {
        "/go/example.org/!mortar/v2/@v/v2.0.0-!r!c1.zip" => Answer::File(BYTES.to_vec()),
        _ => Answer::Status(404),
    });
    let yard = Yard::with_environment(&[("GOPROXY", format!("{},direct", server.url("/go/")))]);
    assert_source(&yard.fetch(&request(&["gomod:example.org/Mortar/v2/v2.0.0-RC1".to_owned()])).await.unwrap());
    assert_eq!(server.log(), ["/go/example.org/!mortar/v2/@v/v2.0.0-!r!c1.zip"]);
}

#[tokio::test]
async fn a_python_index_lists_its_files_as_html_or_json() {
    let html = r#"<a href="../../files/mortar.tar#sha256=00">mortar.tar</a>"#;
    let json = r#"{"meta": {}, "files": [{"filename": "mortar.tar", "url": "/files/mortar.tar", "hashes": {}}]}"#;
    for (kind, page) in [("text/html; charset=utf-8", html), ("application/vnd.pypi.simple.v1+json", json)] {
        let server = Server::start(move |asked| match asked.path {
            "/simple/dry-mortar/" => Answer::Text(kind, page.to_owned()),
            "/files/mortar.tar" => Answer::File(BYTES.to_vec()),
            _ => Answer::Status(404),
        });
        let yard = Yard::with_environment(&[("DRYSTONE_MIRROR_PYPI", server.url("/simple"))]);
        let error = yard.fetch(&request(&["pypi:Dry.Mortar/other.tar".to_owned()])).await.unwrap_err().to_string();
        let (sha256, page) = (Sha256::of(BYTES), server.url("/simple/dry-mortar/"));
        assert_eq!(error, format!("cannot fetch mortar.tar (sha256 {sha256}):\n  {page}: does not list other.tar"));
        assert_source(&yard.fetch(&request(&["pypi:Dry.Mortar/mortar.tar".to_owned()])).await.unwrap());
    }
}

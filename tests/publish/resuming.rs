//! What broke off goes on: within a run, and in the next one.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use drystone::progress::Silent;
use drystone::publish::{self, Registry};

use crate::fake::{Fake, Turn};
use crate::layouts::{bytes, image};
use crate::real::{Kind, Real};
use crate::support::wait_until;

const CHUNK: usize = 16 << 20;
const LARGE: usize = 2 * CHUNK + 1000;

/// Where each chunk began.
fn starts(fake: &Fake) -> Vec<String> {
    let state = fake.state();
    let chunks = state.requests.iter().filter(|request| request.method == "PATCH");
    chunks.map(|request| request.header("content-range").split('-').next().unwrap().to_owned()).collect()
}

#[test]
fn a_chunk_that_breaks_goes_on_from_what_the_registry_has() {
    let fake = Fake::start(|request, _| match (request.method.as_str(), request.before) {
        ("PATCH", 1) => Turn::Break(5_000_000),
        _ => Turn::Usual,
    });
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[bytes(1, LARGE)]);
    publish::push(&fake.registry(), &layout, &fake.reference("stones:1"), &[], &Silent).unwrap();
    assert_eq!(fake.tag("stones", "1"), Some(layout.image().digest.0));
    let (second, third) = (CHUNK.to_string(), (CHUNK + 5_000_000).to_string());
    assert_eq!(starts(&fake), ["0".to_owned(), second, third]);
}

#[test]
fn a_registry_that_dies_midway_is_gone_on_with_by_the_next_run() {
    let dead = Arc::new(AtomicBool::new(false));
    let is_dead = dead.clone();
    let fake = Fake::start(move |request, _| {
        if request.method == "PATCH" && request.before == 1 {
            is_dead.store(true, Ordering::SeqCst);
            return Turn::Break(3_000_000);
        }
        if is_dead.load(Ordering::SeqCst) { Turn::Break(0) } else { Turn::Usual }
    });
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(&scratch.path().join("layout"), &[bytes(2, LARGE)]);
    let registry = || fake.registry_with(|access| access.cache = Some(scratch.path().join("cache")));
    let error = publish::push(&registry(), &layout, &fake.reference("stones:1"), &[], &Silent).unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(fake.tag("stones", "1"), None);

    dead.store(false, Ordering::SeqCst);
    fake.state().requests.retain(|request| request.method != "PATCH");
    // The story's chunk that breaks is behind us.
    fake.state().requests.push(crate::fake::Request { method: "PATCH".to_owned(), ..Default::default() });
    fake.state().requests.push(crate::fake::Request { method: "PATCH".to_owned(), ..Default::default() });
    publish::push(&registry(), &layout, &fake.reference("stones:1"), &[], &Silent).unwrap();
    assert_eq!(fake.tag("stones", "1"), Some(layout.image().digest.0));
    assert_eq!(starts(&fake)[2..], [(CHUNK + 3_000_000).to_string()], "nothing is sent twice");
    let left = drystone::fs::list(&scratch.path().join("cache").join(fake.address.replace(':', "_")).join("uploads"));
    assert!(left.unwrap().is_empty(), "an upload that is done is forgotten");
}

#[test]
fn a_registry_that_has_forgotten_the_upload_gets_the_blob_anew() {
    let fake = Fake::start(|request, state| match (request.method.as_str(), request.before) {
        ("PATCH", 1) => {
            state.uploads.clear();
            Turn::Break(1_000_000)
        }
        _ => Turn::Usual,
    });
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[bytes(3, LARGE)]);
    publish::push(&fake.registry(), &layout, &fake.reference("stones:1"), &[], &Silent).unwrap();
    assert_eq!(fake.tag("stones", "1"), Some(layout.image().digest.0));
    assert_eq!(
        starts(&fake),
        ["0".to_owned(), CHUNK.to_string(), "0".to_owned(), CHUNK.to_string(), (2 * CHUNK).to_string()]
    );
}

#[test]
fn an_answer_that_is_lost_after_the_blob_got_there_costs_no_byte() {
    let fake = Fake::start(|request, state| match (request.method.as_str(), request.path.contains("/uploads/")) {
        ("PUT", true) if request.before == 0 => {
            // The blob is taken; only the answer gets lost.
            let digest = request.parameter("digest").unwrap();
            let blob = state.uploads.remove(&request.path).unwrap();
            state.blobs.insert(("stones".to_owned(), digest), blob);
            Turn::Break(0)
        }
        _ => Turn::Usual,
    });
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[bytes(4, 5 << 20)]);
    let registry = fake.registry_with(|access| access.policy.jobs = 1);
    // The configuration, the smaller one, comes first: it is there already.
    let config = std::fs::read(config_path(&layout)).unwrap();
    let digest = format!("sha256:{}", drystone::digest::Sha256::of(&config));
    fake.state().blobs.insert(("stones".to_owned(), digest), config);
    publish::push(&registry, &layout, &fake.reference("stones:1"), &[], &Silent).unwrap();
    assert_eq!(starts(&fake), ["0"]);
}

fn config_path(layout: &publish::Layout) -> std::path::PathBuf {
    let blobs = layout.path().join("blobs/sha256");
    let text = std::fs::read(blobs.join(layout.image().digest.0.to_string())).unwrap();
    let document: publish::Document = serde_json::from_slice(&text).unwrap();
    blobs.join(document.config.unwrap().digest.0.to_string())
}

/// A way to a registry that breaks, for all connections, when so many chunks have begun.
struct Way {
    address: String,
    broken: Arc<AtomicBool>,
}

impl Way {
    fn to(real: &Real, chunks: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (broken, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (target, flag) = (real.address.clone(), broken.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(&target).unwrap();
                let (back, front) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let (broken, begun) = (flag.clone(), begun.clone());
                std::thread::spawn(move || drop(std::io::copy(&mut &back, &mut &front)));
                std::thread::spawn(move || forward(client, server, &broken, &begun, chunks));
            }
        });
        Self { address, broken }
    }
}

fn forward(mut client: TcpStream, mut server: TcpStream, broken: &AtomicBool, begun: &AtomicUsize, chunks: usize) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        // A request's head comes by itself or at the beginning of what is read.
        if buffer[..count].starts_with(b"PATCH ") && begun.fetch_add(1, Ordering::SeqCst) == chunks {
            broken.store(true, Ordering::SeqCst);
        }
        if broken.load(Ordering::SeqCst) || server.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    drop(client.shutdown(Shutdown::Both));
    drop(server.shutdown(Shutdown::Both));
}

#[test]
fn debians_registry_is_gone_on_with_after_the_chunks_that_it_has() {
    let Some(real) = Real::start(&Kind::Open) else { return };
    let layout = image(&real.path("layout"), &[bytes(5, LARGE)]);
    let way = Way::to(&real, 2);
    let registry = || Registry::open(&way.address.parse().unwrap(), real.access()).unwrap();
    let to = format!("{}/stones:1", way.address).parse().unwrap();
    let error = publish::push(&registry(), &layout, &to, &[], &Silent).unwrap_err();
    assert!(error.is_transient(), "{error}");
    let chunks = || real.log().iter().filter(|line| line.starts_with("PATCH ") && line.ends_with(" 202")).count();
    wait_until("two chunks are in the log", || chunks() == 2);
    real.mark();

    way.broken.store(false, Ordering::SeqCst);
    let pushed = publish::push(&registry(), &layout, &to, &[], &Silent).unwrap();
    assert_eq!(pushed.image.digest.0, layout.image().digest.0);
    wait_until("the tag is in the log", || real.log().iter().any(|line| line.contains("manifests/1 201")));
    let log = real.log();
    assert_eq!(chunks(), 1, "only the last chunk: {log:#?}");
    assert!(log.iter().any(|line| line.starts_with("GET ") && line.contains("/uploads/") && line.ends_with(" 204")));
}

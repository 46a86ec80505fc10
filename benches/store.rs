//! Hashing and registering a tree of 500 MB in 2,000 files, beside `b3sum` over the same files where it is
//! installed. Prints figures; asserts nothing.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use drystone::store::{Store, scan};

const FILES: usize = 2_000;
const SIZE: usize = 250_000;

fn main() {
    // In memory where there is room: the figure is about hashing, not about this machine's disk.
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let scratch = tempfile::tempdir_in(place).expect("the scratch directory can be made");
    let tree = scratch.path().join("tree");
    fill(&tree);
    let megabytes = (FILES * SIZE) as f64 / 1e6;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);

    scan(&tree).expect("the tree can be hashed");
    let (hashing, scanned) = timed(|| scan(&tree).expect("the tree can be hashed"));
    report("hashing", megabytes, cores, hashing);
    let files: Vec<_> = scanned.tree.iter().map(|(path, _)| path.under(&tree)).filter(|path| path.is_file()).collect();
    let (peer, done) = timed(|| Command::new("b3sum").args(&files).stdout(Stdio::null()).status());
    if done.is_ok_and(|status| status.success()) {
        println!(
            "{:<58} {:>7.0} ms   {:.2} times as long",
            "b3sum",
            millis(peer),
            peer.as_secs_f64() / hashing.as_secs_f64()
        );
    }
    let store = Store::open(&scratch.path().join("store")).expect("the store can be made");
    let (adding, _) = timed(|| store.add(&tree).expect("the tree can be registered"));
    report("hashing and registering", megabytes, cores, adding);
}

fn fill(tree: &Path) {
    let mut state = 1u64;
    for number in 0..FILES {
        let directory = tree.join(format!("d{}", number % 50));
        std::fs::create_dir_all(&directory).expect("a directory can be made");
        let bytes: Vec<u8> = (0..SIZE / 8)
            .flat_map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state.to_le_bytes()
            })
            .collect();
        std::fs::write(directory.join(format!("f{number}")), bytes).expect("a file can be written");
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let result = work();
    (began.elapsed(), result)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn report(what: &str, megabytes: f64, cores: usize, took: Duration) {
    let rate = megabytes / 1e3 / took.as_secs_f64();
    println!("{what:<58} {:>7.0} ms   {rate:.2} GB/s, {:.2} GB/s per core", millis(took), rate / cores as f64);
}

//! The images that are shipped as specs, at work: each, run by runc with the controls that lie beside it, answers a
//! real request, and writes nowhere but where its spec says.

mod container;
mod git;
mod postgresql;
mod servers;
#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;

use container::Container;

#[test]
fn sqlite_keeps_a_database_in_its_volume() {
    let Some(mut container) = Container::of("sqlite") else { return };
    let sqlite = ["/usr/bin/sqlite3", "/data/main.db"];
    // Without a volume what the spec declares is there, in memory.
    container.run(&sqlite, "CREATE TABLE t(a);").succeeded();
    container.mount(&container.volume("volume"), "/data");
    container.run(&sqlite, "CREATE TABLE t(a); INSERT INTO t VALUES (1), (2), (39);").succeeded();
    let asked = container.run(&[sqlite[0], sqlite[1], "SELECT sum(a) FROM t"], "").succeeded();
    assert_eq!((asked.stdout.as_str(), asked.stderr.as_str()), ("42\n", ""));
    container.run(&[sqlite[0], "/main.db", "CREATE TABLE t(a)"], "").ended(1).says("unable to open database");
}

/// A spec of one's own on the base: two static programs, one that wants the time zones and one that wants the
/// certificates.
#[test]
fn static_programs_find_zones_certificates_and_users_in_the_base() {
    let text = std::fs::read_to_string(format!("{}/recipes/images/static.toml", support::HOME)).unwrap();
    let both = r#"["ca-certificates", "tzdata"]"#;
    assert!(text.contains(both), "{text}");
    let directory = tempfile::tempdir().unwrap();
    let spec = directory.path().join("derived.toml");
    let more = r#"["ca-certificates", "tzdata", "coreutils/date", "coreutils/id", "curl"]"#;
    // The shared policy stands beside the original.
    let text = text.replace("\"policies/", &format!("\"{}/recipes/images/policies/", support::HOME));
    std::fs::write(&spec, text.replace(both, more)).unwrap();
    let Some(mut container) = Container::of_spec(&spec) else { return };
    container.share_the_loopback();
    container.set("TZ=US/Eastern");
    let date = container.run(&["/usr/bin/date", "-d", "@1700000000", "+%T %Z"], "").succeeded();
    assert_eq!(date.stdout, "17:13:20 EST\n");
    let id = container.run(&["/usr/bin/id"], "").succeeded();
    assert_eq!(id.stdout, "uid=65532(nonroot) gid=65532(nonroot) groups=65532(nonroot)\n");
    // A server that hangs up: curl gets as far as to greet it (35), which without certificates it does not (77).
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().for_each(drop));
    container.run(&["/usr/bin/curl", "-sS", &url], "").ended(35);
}

#[test]
fn the_toolbox_runs_a_pipeline_and_writes_below_tmp_alone() {
    let Some(container) = Container::of("debug") else { return };
    let script = r#"
        set -eu -o pipefail
        echo '{"a": [1, 2]}' > in.json
        jq -c .a < in.json | sed s/1/x/ | less
        find / -xdev -perm /6022 ! -type l
        tar -czf all.tgz in.json && tar -tzf all.tgz
        diff <(echo a) <(echo b) || TZ=Europe/Paris date -d @0 +%T
        curl -sS file:///etc/passwd | cut -d: -f1 | grep -n .
        echo > /etc/x
    "#;
    let run = container.run(&["/usr/bin/bash"], script).ended(1).says("/etc/x: Read-only file system");
    assert_eq!(run.stdout, "[x,2]\nin.json\n1c1\n< a\n---\n> b\n01:00:00\n1:debug\n");
}

/// The kernel gives a first process no signal that it does not handle; tini's child gets it.
#[test]
fn tini_ends_its_application_when_it_is_stopped() {
    let Some(mut container) = Container::of("app") else { return };
    let logs = container.volume("logs");
    container.mount(&logs, "/logs");
    std::fs::write(logs.join("app.log"), "started\n").unwrap();
    let mut running = container.start(&[]);
    let mut line = String::new();
    BufReader::new(running.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "started\n");
    running.signal("TERM");
    running.end().ended(128 + 15);
}

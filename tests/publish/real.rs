//! Debian's docker-registry, in a process of its own, with TLS and passwords, or without.

use std::cell::Cell;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use drystone::publish::{Access, Reference, Registry};

use crate::fake::access;
use crate::support::wait_until;

pub const USER: &str = "mason";
pub const PASSWORD: &str = "quarry:1";

/// What a registry is started with.
pub enum Kind {
    /// Plain HTTP, and everybody may do everything.
    Open,
    /// TLS with the test's own authority, and one user.
    Guarded,
    /// As guarded, but it thinks that it is reached without TLS.
    Confused,
}

/// A registry; it ends with the test.
pub struct Real {
    child: Child,
    directory: tempfile::TempDir,
    pub address: String,
    /// How many lines of the log are of no interest any more.
    mark: Cell<usize>,
}

impl Drop for Real {
    fn drop(&mut self) {
        // By its own handle: no other process has this number before it is waited for.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Real {
    /// Starts a registry; `None` where it is not installed, and the story says that it is skipped.
    pub fn start(kind: &Kind) -> Option<Self> {
        for program in ["docker-registry", "openssl", "htpasswd"] {
            // Each ends by itself, with whatever code.
            if Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
                eprintln!("skipped: {program} is not installed (packages docker-registry, openssl, apache2-utils)");
                return None;
            }
        }
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        // Free a moment ago; the port of a program that takes none of itself.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        if !matches!(kind, Kind::Open) {
            certificates(place);
            let output = Command::new("htpasswd").args(["-Bbn", USER, PASSWORD]).output().unwrap();
            std::fs::write(place.join("htpasswd"), output.stdout).unwrap();
        }
        std::fs::write(place.join("config.yml"), config(kind, place, &address)).unwrap();
        let log = std::fs::File::create(place.join("log")).unwrap();
        let child = Command::new("docker-registry")
            .args(["serve", place.join("config.yml").to_str().unwrap()])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let real = Self { child, directory, address, mark: Cell::new(0) };
        wait_until("the registry listens", || TcpStream::connect(&real.address).is_ok());
        Some(real)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A reference to something in it.
    pub fn reference(&self, rest: &str) -> Reference {
        format!("{}/{rest}", self.address).parse().unwrap()
    }

    /// How it is reached from a home directory of the test's, with its authority, as its user.
    pub fn access(&self) -> Access {
        let home = self.path("home");
        std::fs::create_dir_all(home.join(".docker")).unwrap();
        let auth = base64(&format!("{USER}:{PASSWORD}"));
        let config = format!("{{\"auths\":{{{:?}:{{\"auth\":{auth:?}}}}}}}", self.address);
        std::fs::write(home.join(".docker/config.json"), config).unwrap();
        let mut access = access(&home);
        access.plain_http = !self.path("ca.crt").exists();
        access.authorities = if access.plain_http { vec![] } else { vec![self.path("ca.crt")] };
        access
    }

    pub fn registry(&self) -> Registry {
        Registry::open(&self.address.parse().unwrap(), self.access()).unwrap()
    }

    /// The requests that it has answered since the last mark, as `METHOD PATH STATUS`.
    pub fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("log")).unwrap();
        text.lines().filter_map(request).skip(self.mark.get()).collect()
    }

    /// Forgets the requests so far; those of a run that has ended are in the log soon after it.
    pub fn mark(&self) {
        std::thread::sleep(std::time::Duration::from_millis(100));
        self.mark.set(self.mark.get() + self.log().len());
    }

    /// Skopeo, as its user; `None` where it is not installed.
    pub fn skopeo(&self, words: &[&str]) -> Option<String> {
        let mut command = Command::new("skopeo");
        command.args(words).env("REGISTRY_AUTH_FILE", self.path("home/.docker/config.json"));
        let output = match command.output() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: skopeo is not installed");
                return None;
            }
            output => output.unwrap(),
        };
        assert!(output.status.success(), "skopeo {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).unwrap())
    }

    /// The directory of certificates as skopeo wants it.
    pub fn certificate_directory(&self) -> PathBuf {
        let directory = self.path("certs");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::copy(self.path("ca.crt"), directory.join("ca.crt")).unwrap();
        directory
    }
}

/// `METHOD PATH STATUS` of a line of the access log (the combined log format).
fn request(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("] \"")?;
    let (request, rest) = rest.split_once("\" ")?;
    let (method, rest_of_request) = request.split_once(' ')?;
    let path = rest_of_request.strip_suffix(" HTTP/1.1").or_else(|| rest_of_request.strip_suffix(" HTTP/2.0"))?;
    Some(format!("{method} {path} {}", rest.split(' ').next()?))
}

fn config(kind: &Kind, place: &Path, address: &str) -> String {
    let place = place.display();
    let mut text = format!(
        "version: 0.1\nlog: {{accesslog: {{disabled: false}}}}\nstorage: {{filesystem: {{rootdirectory: {place}/data}}, delete: {{enabled: true}}}}\n"
    );
    let tls = format!("tls: {{certificate: {place}/server.crt, key: {place}/server.key}}");
    let auth = format!("auth: {{htpasswd: {{realm: quarry, path: {place}/htpasswd}}}}\n");
    text.push_str(&match kind {
        Kind::Open => format!("http: {{addr: \"{address}\"}}\n"),
        Kind::Guarded => format!("http: {{addr: \"{address}\", {tls}}}\n{auth}"),
        Kind::Confused => format!("http: {{addr: \"{address}\", host: \"http://{address}\", {tls}}}\n{auth}"),
    });
    text
}

/// An authority, `ca.crt`, and what it signed, `server.crt` with `server.key`.
pub fn certificates(place: &Path) {
    let run = |words: &[&str]| {
        let output = Command::new("openssl").args(words).current_dir(place).output().unwrap();
        assert!(output.status.success(), "openssl {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    run(&[&["req", "-x509", "-days", "2", "-subj", "/CN=test", "-keyout", "ca.key", "-out", "ca.crt"], &key[..]]
        .concat());
    run(&[&["req", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"], &key[..]].concat());
    std::fs::write(place.join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost").unwrap();
    let sign = ["x509", "-req", "-days", "2", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key"];
    run(&[&sign[..], &["-CAcreateserial", "-extfile", "names", "-out", "server.crt"]].concat());
}

pub fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

//! A registry of others (Debian's docker-registry) on the loopback interface, filled by plain requests.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use drystone::attest::{Artifact, Evidence, Layout};
use drystone::digest::Sha256;
use serde_json::{Value, json};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The registry; it ends with the test.
pub struct Registry {
    process: Child,
    /// Host and port.
    pub address: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Registry {
    /// Starts one that keeps its content below a directory.
    pub fn start(directory: &Path) -> Self {
        std::fs::create_dir_all(directory).unwrap();
        // The port is free a moment later too, as good as always; the registry cannot choose one itself.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let config = directory.join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\"}}\n",
            directory.join("content").display()
        );
        std::fs::write(&config, text).unwrap();
        let mut serve = Command::new("docker-registry");
        let log = std::fs::File::create(directory.join("log")).unwrap();
        let process = serve.arg("serve").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let registry = Self { process: process.unwrap(), address };
        crate::support::wait_until("the registry answers", || TcpStream::connect(&registry.address).is_ok());
        registry
    }

    /// A request; gives the status, the headers in lower case, and the body.
    fn ask(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, BTreeMap<String, String>, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (host, length) = (&self.address, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: {MANIFEST}, {INDEX}\r\nContent-Type: {kind}\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        (status, lines.filter_map(header).collect(), answer[end + 4..].to_vec())
    }

    fn push_blob(&self, repository: &str, blob: &[u8]) {
        let uploads = format!("/v2/{repository}/blobs/uploads/");
        let (status, headers, _) = self.ask("POST", &uploads, "application/octet-stream", b"");
        assert_eq!(status, 202);
        let place = headers["location"].split_once(&self.address).unwrap().1.to_owned();
        let place = format!("{place}&digest=sha256:{}", Sha256::of(blob));
        let (status, _, body) = self.ask("PUT", &place, "application/octet-stream", blob);
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    }

    fn push_manifest(&self, repository: &str, name: &str, manifest: &[u8]) {
        let document: Value = serde_json::from_slice(manifest).unwrap();
        let kind = document["mediaType"].as_str().unwrap();
        let (status, _, body) = self.ask("PUT", &format!("/v2/{repository}/manifests/{name}"), kind, manifest);
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    }

    /// A manifest, by tag or digest.
    pub fn manifest(&self, repository: &str, name: &str) -> Vec<u8> {
        let (status, _, body) = self.ask("GET", &format!("/v2/{repository}/manifests/{name}"), "text/plain", b"");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        body
    }

    /// Pushes an image, and all that its evidence holds.
    pub fn push(&self, layout: &Path, repository: &str, tag: &str) {
        let layout = Layout::open(layout).unwrap();
        let blobs = layout.root().join("blobs/sha256");
        let manifests: Vec<_> = layout.subjects().iter().map(|subject| subject.digest().to_string()).collect();
        for name in drystone::fs::list(&blobs).unwrap() {
            if !manifests.iter().any(|manifest| name == **manifest) {
                self.push_blob(repository, &std::fs::read(blobs.join(name)).unwrap());
            }
        }
        // The index last: a registry wants what it names to be there.
        for manifest in manifests.iter().rev() {
            let bytes = std::fs::read(blobs.join(manifest)).unwrap();
            self.push_manifest(repository, &format!("sha256:{manifest}"), &bytes);
            if *manifest == manifests[0] {
                self.push_manifest(repository, tag, &bytes);
            }
        }
        self.push_artifacts(repository, &Evidence::read(&layout).unwrap().artifacts());
    }

    /// Pushes artifacts; those with a subject are listed under the tag that stands for the missing referrers API
    /// (the distribution specification 1.1, "Referrers Tag Schema").
    pub fn push_artifacts(&self, repository: &str, artifacts: &[Artifact]) {
        let mut referrers: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for artifact in artifacts {
            artifact.blobs.iter().for_each(|blob| self.push_blob(repository, blob));
            let digest = format!("sha256:{}", artifact.digest());
            self.push_manifest(repository, artifact.tag.as_ref().unwrap_or(&digest), &artifact.manifest);
            let document: Value = serde_json::from_slice(&artifact.manifest).unwrap();
            if let Some(subject) = document["subject"]["digest"].as_str() {
                referrers.entry(subject.replace(':', "-")).or_default().push(json!({
                    "mediaType": document["mediaType"],
                    "artifactType": document["artifactType"],
                    "annotations": document.get("annotations").unwrap_or(&json!({})),
                    "digest": digest,
                    "size": artifact.manifest.len(),
                }));
            }
        }
        for (tag, manifests) in referrers {
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
            self.push_manifest(repository, &tag, index.to_string().as_bytes());
        }
    }
}

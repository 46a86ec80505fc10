//! A registry in memory on the loopback interface: well-behaved, unless a story takes a request into its own hands.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use drystone::digest::Sha256;
use drystone::publish::{Access, Host, Policy, Registry};

/// A request with its body.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// How many requests of this method came before.
    pub before: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        let found = pairs.filter(|(key, _)| *key == name).map(|(_, value)| decoded(value));
        found.collect::<Vec<_>>().into_iter().next()
    }

    /// As a log has it.
    pub fn line(&self) -> String {
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", decoded(&self.query)) };
        format!("{} {}{query}", self.method, self.path)
    }
}

pub fn decoded(text: &str) -> String {
    text.replace("%3A", ":").replace("%2F", "/").replace("%2C", ",").replace('+', " ")
}

/// What is answered.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Bytes of the body that arrive before the connection breaks.
    pub cut: Option<usize>,
}

impl Response {
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), cut: None }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = bytes.into();
        self
    }

    /// An error as registries write them.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "errors": [{ "code": code, "message": message }] });
        Self::new(status).header("content-type", "application/json").body(body.to_string())
    }
}

/// What a story does with a request.
pub enum Turn {
    /// What a good registry does.
    Usual,
    /// This answer.
    Say(Response),
    /// So many bytes of the body are read and kept, if it is a chunk; then the connection breaks.
    Break(usize),
}

/// What the registry has.
#[derive(Debug, Default)]
pub struct State {
    pub blobs: BTreeMap<(String, String), Vec<u8>>,
    /// By repository and tag or digest: the media type and the bytes.
    pub manifests: BTreeMap<(String, String), (String, Vec<u8>)>,
    pub uploads: BTreeMap<String, Vec<u8>>,
    pub requests: Vec<Request>,
    /// Whether it has the referrers API.
    pub has_referrers: bool,
    next: usize,
}

type Story = dyn Fn(&Request, &mut State) -> Turn + Send + Sync;

/// The server; it serves until the test process ends.
#[derive(Clone)]
pub struct Fake {
    pub address: String,
    state: Arc<Mutex<State>>,
}

impl Fake {
    /// A good registry.
    pub fn good() -> Self {
        Self::start(|_, _| Turn::Usual)
    }

    /// A registry in which a story may take requests into its own hands, as soon as their head is there.
    pub fn start(story: impl Fn(&Request, &mut State) -> Turn + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = Self { address: listener.local_addr().unwrap().to_string(), state: Arc::default() };
        let (own, story) = (fake.clone(), Arc::new(story));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (own, story) = (own.clone(), story.clone());
                // A client that hangs up early is part of some stories.
                std::thread::spawn(move || drop(own.serve(stream, &*story)));
            }
        });
        fake
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The requests so far, then forgotten.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests).iter().map(Request::line).collect()
    }

    pub fn host(&self) -> Host {
        self.address.parse().unwrap()
    }

    /// A client for it without patience, and without credentials.
    pub fn registry(&self) -> Registry {
        self.registry_with(|_| {})
    }

    pub fn registry_with(&self, change: impl FnOnce(&mut Access)) -> Registry {
        let mut access = access(&Path::new("/nowhere").join(""));
        access.plain_http = true;
        change(&mut access);
        Registry::open(&self.host(), access).unwrap()
    }

    /// A reference to something in it.
    pub fn reference(&self, rest: &str) -> drystone::publish::Reference {
        format!("{}/{rest}", self.address).parse().unwrap()
    }

    /// The manifest that a tag names.
    pub fn tag(&self, repository: &str, tag: &str) -> Option<Sha256> {
        let key = (repository.to_owned(), tag.to_owned());
        self.state().manifests.get(&key).map(|(_, bytes)| Sha256::of(bytes))
    }

    pub fn blob_count(&self, repository: &str) -> usize {
        self.state().blobs.keys().filter(|(name, _)| name == repository).count()
    }

    fn serve(&self, stream: TcpStream, story: &Story) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut request = head(&mut reader)?;
        let length: usize = request.header("content-length").parse().unwrap_or(0);
        let turn = {
            let mut state = self.state();
            request.before = state.requests.iter().filter(|other| other.method == request.method).count();
            state.requests.push(request.clone());
            story(&request, &mut state)
        };
        let response = match turn {
            Turn::Break(kept) => {
                let mut part = vec![0; kept];
                reader.read_exact(&mut part)?;
                if let Some(upload) = self.state().uploads.get_mut(&request.path) {
                    upload.extend(part);
                }
                return Ok(());
            }
            Turn::Say(response) => {
                // Who answers early may close before the client has sent all; then the answer could be lost.
                std::io::copy(&mut (&mut reader).take(length as u64), &mut std::io::sink())?;
                response
            }
            Turn::Usual => {
                request.body = vec![0; length];
                reader.read_exact(&mut request.body)?;
                self.state().usual(&request)
            }
        };
        write(stream, &request, &response)
    }
}

fn head(reader: &mut BufReader<TcpStream>) -> std::io::Result<Request> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request { method, path: path.to_owned(), query: query.to_owned(), ..Request::default() };
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            return Ok(request);
        }
        if let Some((name, value)) = line.split_once(':') {
            request.headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
    }
}

fn write(mut stream: TcpStream, request: &Request, response: &Response) -> std::io::Result<()> {
    let Response { status, headers, body, cut } = response;
    let mut text = format!("HTTP/1.1 {status} \r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !headers.iter().any(|(name, _)| name == "content-length") {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    stream.write_all(format!("{text}\r\n").as_bytes())?;
    if request.method != "HEAD" {
        stream.write_all(&body[..cut.unwrap_or(body.len()).min(body.len())])?;
    }
    Ok(())
}

impl State {
    /// What a good registry does.
    fn usual(&mut self, request: &Request) -> Response {
        let path = request.path.trim_start_matches("/v2/").to_owned();
        let split = |word: &str| path.split_once(word).map(|(name, rest)| (name.to_owned(), rest.to_owned()));
        if let Some((name, _)) = split("/blobs/uploads/") {
            return self.upload(&name, request);
        }
        if let Some((name, digest)) = split("/blobs/") {
            return match self.blobs.get(&(name, digest.clone())) {
                Some(bytes) => part(bytes, request).header("docker-content-digest", digest),
                None => Response::error(404, "BLOB_UNKNOWN", "blob unknown to registry"),
            };
        }
        if let Some((name, target)) = split("/manifests/") {
            return self.manifest(&name, &target, request);
        }
        match split("/referrers/") {
            Some((name, digest)) if self.has_referrers => self.referrers(&name, &digest),
            _ => Response::new(404).header("content-type", "text/plain").body("404 page not found"),
        }
    }

    fn upload(&mut self, name: &str, request: &Request) -> Response {
        let created = |digest: &str| Response::new(201).header("location", format!("/v2/{name}/blobs/{digest}"));
        let there = |upload: &str, state: &Self| {
            let end = state.uploads[upload].len().saturating_sub(1);
            Response::new(202).header("location", upload).header("range", format!("0-{end}"))
        };
        match request.method.as_str() {
            "POST" => {
                if let (Some(digest), Some(from)) = (request.parameter("mount"), request.parameter("from"))
                    && let Some(bytes) = self.blobs.get(&(from, digest.clone())).cloned()
                {
                    self.blobs.insert((name.to_owned(), digest.clone()), bytes);
                    return created(&digest);
                }
                self.next += 1;
                let upload = format!("/v2/{name}/blobs/uploads/{}", self.next);
                self.uploads.insert(upload.clone(), Vec::new());
                there(&upload, self)
            }
            _ if !self.uploads.contains_key(&request.path) => Response::error(404, "BLOB_UPLOAD_UNKNOWN", "unknown"),
            "GET" => Response { status: 204, ..there(&request.path, self) },
            "PATCH" => {
                let upload = self.uploads.get_mut(&request.path).unwrap();
                if !request.header("content-range").starts_with(&format!("{}-", upload.len())) {
                    return Response::error(416, "BLOB_UPLOAD_INVALID", "out of order");
                }
                upload.extend(&request.body);
                there(&request.path, self)
            }
            "PUT" => {
                let mut bytes = self.uploads.remove(&request.path).unwrap();
                bytes.extend(&request.body);
                let digest = request.parameter("digest").unwrap();
                if digest != format!("sha256:{}", Sha256::of(&bytes)) {
                    return Response::error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
                }
                self.blobs.insert((name.to_owned(), digest.clone()), bytes);
                created(&digest)
            }
            _ => {
                self.uploads.remove(&request.path);
                Response::new(204)
            }
        }
    }

    fn manifest(&mut self, name: &str, target: &str, request: &Request) -> Response {
        if request.method == "PUT" {
            let digest = format!("sha256:{}", Sha256::of(&request.body));
            let stored = (request.header("content-type").to_owned(), request.body.clone());
            self.manifests.insert((name.to_owned(), digest.clone()), stored.clone());
            self.manifests.insert((name.to_owned(), target.to_owned()), stored);
            let document: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            let response = Response::new(201).header("docker-content-digest", digest);
            return match document["subject"]["digest"].as_str() {
                Some(subject) if self.has_referrers => response.header("oci-subject", subject),
                _ => response,
            };
        }
        match self.manifests.get(&(name.to_owned(), target.to_owned())) {
            Some((kind, bytes)) => Response::new(200)
                .header("content-type", kind)
                .header("docker-content-digest", format!("sha256:{}", Sha256::of(bytes)))
                .body(bytes.clone()),
            None => Response::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        }
    }

    fn referrers(&self, name: &str, digest: &str) -> Response {
        let of = |((repository, target), (kind, bytes)): (&(String, String), &(String, Vec<u8>))| {
            let document: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            let is_it = repository == name && target.contains(':') && document["subject"]["digest"] == digest;
            is_it.then(|| {
                let digest = format!("sha256:{}", Sha256::of(bytes));
                serde_json::json!({ "mediaType": kind, "digest": digest, "size": bytes.len(),
                                    "artifactType": document["artifactType"] })
            })
        };
        let manifests: Vec<serde_json::Value> = self.manifests.iter().filter_map(of).collect();
        let index =
            serde_json::json!({ "schemaVersion": 2, "mediaType": drystone::attest::INDEX, "manifests": manifests });
        Response::new(200).header("content-type", drystone::attest::INDEX).body(index.to_string())
    }
}

/// The bytes, or the part that is asked for.
fn part(bytes: &[u8], request: &Request) -> Response {
    let from = request.header("range").strip_prefix("bytes=").map(|range| range.trim_end_matches('-').parse().unwrap());
    match from {
        None => Response::new(200).body(bytes),
        Some(from) if from >= bytes.len() => Response::new(416),
        Some(from) => {
            let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
            Response::new(206).header("content-range", range).body(&bytes[from..])
        }
    }
}

/// How a registry is reached in a story: with what lies below a directory, and without patience.
pub fn access(home: &Path) -> Access {
    let env = |name: &str| match name {
        "HOME" | "XDG_RUNTIME_DIR" => Some(home.display().to_string()),
        _ => None,
    };
    let mut access = Access::from_host(&env, home);
    access.policy = Policy { pause: Duration::from_millis(1), ..Policy::default() };
    access
}

//! A small HTTP server on the loopback interface, as good or as bad as a test's story needs it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use drystone::http::{Client, Route};

/// A request as the server understood it.
#[allow(dead_code, reason = "each test binary uses some")]
pub struct Asked<'a> {
    /// The path.
    pub path: &'a str,
    /// The server's own URL, without a slash at its end.
    pub base: &'a str,
    /// How many requests for this path came before.
    pub before: usize,
}

/// What the server answers.
#[allow(dead_code, reason = "each test binary uses some")]
pub enum Answer {
    /// A file, or the part that is asked for.
    File(Vec<u8>),
    /// A file, whatever part is asked for.
    Whole(Vec<u8>),
    /// A file or its part, of which only so many bytes arrive.
    Cut(Vec<u8>, usize),
    /// A part that is not the one asked for.
    WrongPart(Vec<u8>),
    /// A text of a media type.
    Text(&'static str, String),
    /// A redirect to a path.
    Redirect(&'static str),
    /// A bare status.
    Status(u16),
}

/// The server; it serves until the test process ends.
#[allow(dead_code, reason = "each test binary uses some")]
pub struct Server {
    base: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server with the answers that a function gives.
    pub fn start(answer: impl Fn(&Asked<'_>) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let seen = log.clone();
        let answer = Arc::new(answer);
        let own = base.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, seen, own) = (answer.clone(), seen.clone(), own.clone());
                // A client that hangs up early is part of some stories.
                std::thread::spawn(move || drop(serve(stream, &own, &*answer, &seen)));
            }
        });
        Self { base, log }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The requests so far, as `/path` or `/path from BYTE`.
    #[allow(dead_code, reason = "each test binary uses some")]
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

/// A client that no proxy of the developer's environment stands in the way of.
#[allow(dead_code, reason = "each test binary uses some")]
pub fn client() -> Client {
    Client::new(&[Route { prefix: "http://127.0.0.1:".to_owned(), proxy: None }]).unwrap()
}

fn serve(
    mut stream: TcpStream,
    base: &str,
    answer: &dyn Fn(&Asked<'_>) -> Answer,
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
    let mut from = None;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(range) = line.to_lowercase().strip_prefix("range: bytes=") {
            from = range.trim().trim_end_matches('-').parse::<usize>().ok();
        }
    }
    let before = {
        let mut log = log.lock().unwrap();
        let before = log.iter().filter(|entry| entry.split(' ').next() == Some(&path)).count();
        log.push(from.map_or_else(|| path.clone(), |from| format!("{path} from {from}")));
        before
    };
    let (head, body) = response(answer(&Asked { path: &path, base, before }), from);
    stream.write_all(format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").as_bytes())?;
    stream.write_all(&body)
}

/// Status line and headers, and the bytes that follow.
fn response(answer: Answer, from: Option<usize>) -> (String, Vec<u8>) {
    let whole = |bytes: Vec<u8>| (format!("200 OK\r\nContent-Length: {}", bytes.len()), bytes);
    let part = |bytes: Vec<u8>, from: usize| {
        let (last, size, length) = (bytes.len() - 1, bytes.len(), bytes.len() - from);
        let head =
            format!("206 Partial Content\r\nContent-Range: bytes {from}-{last}/{size}\r\nContent-Length: {length}");
        (head, bytes[from..].to_vec())
    };
    match (answer, from) {
        (Answer::File(bytes), Some(from)) if from >= bytes.len() => (
            format!("416 Range Not Satisfiable\r\nContent-Range: bytes */{}\r\nContent-Length: 0", bytes.len()),
            vec![],
        ),
        (Answer::File(bytes), Some(from)) => part(bytes, from),
        (Answer::File(bytes) | Answer::Whole(bytes), _) => whole(bytes),
        (Answer::Cut(bytes, arriving), from) => {
            let (head, mut body) = response(Answer::File(bytes), from);
            body.truncate(arriving);
            (head, body)
        }
        (Answer::WrongPart(bytes), Some(_)) => part(bytes, 1),
        (Answer::WrongPart(bytes), None) => whole(bytes),
        (Answer::Text(kind, text), _) => {
            (format!("200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}", text.len()), text.into_bytes())
        }
        (Answer::Redirect(path), _) => (format!("302 Found\r\nLocation: {path}\r\nContent-Length: 0"), vec![]),
        (Answer::Status(status), _) => (format!("{status} \r\nContent-Length: 0"), vec![]),
    }
}

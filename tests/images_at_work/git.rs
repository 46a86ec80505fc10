//! A clone over HTTP from a server of the test's own, whose answers the same git makes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::container::Container;
use crate::support::Run;

/// A git outside the container that reads nobody's configuration.
fn git(program: &Path, words: &[&str]) -> Command {
    let mut git = Command::new(program);
    git.args(words).env_clear().env("HOME", "/nonexistent").env("GIT_CONFIG_NOSYSTEM", "1");
    git
}

/// Serves a repository until the test's process ends (gitprotocol-http(5)); returns its URL.
fn serve(program: PathBuf, repository: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/stones.git", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(stream, &program, repository.to_str().unwrap());
        }
    });
    url
}

fn answer(stream: TcpStream, program: &Path, repository: &str) {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let header = |name: &str| head.iter().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
    let length = header("Content-Length: ").parse().unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();

    let (words, kind): (&[&str], _) = match head[0].as_str() {
        "GET /stones.git/info/refs?service=git-upload-pack HTTP/1.1" => {
            (&["upload-pack", "--stateless-rpc", "--http-backend-info-refs", repository], "advertisement")
        }
        "POST /stones.git/git-upload-pack HTTP/1.1" => (&["upload-pack", "--stateless-rpc", repository], "result"),
        other => panic!("{other}"),
    };
    let mut backend = git(program, words);
    backend.env("GIT_PROTOCOL", header("Git-Protocol: ")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut backend = backend.spawn().unwrap();
    backend.stdin.take().unwrap().write_all(&body).unwrap();
    let answer = backend.wait_with_output().unwrap().stdout;
    let mut stream = reader.into_inner();
    let kind = format!("application/x-git-upload-pack-{kind}");
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n").unwrap();
    stream.write_all(&answer).unwrap();
}

#[test]
fn git_clones_over_http_and_reads_what_it_has() {
    let Some(mut container) = Container::of("git") else { return };
    let program = container.file("usr/bin/git");
    let scratch = tempfile::tempdir().unwrap();
    let repository = scratch.path().join("stones");
    Run::of(&mut git(&program, &["init", "-q", "-b", "main", repository.to_str().unwrap()])).succeeded();
    std::fs::write(repository.join("wall"), "stone on stone\n").unwrap();
    let identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
    for words in [vec!["add", "wall"], [&identity[..], &["commit", "-q", "-m", "A wall"]].concat()] {
        Run::of(git(&program, &words).current_dir(&repository)).succeeded();
    }
    let url = serve(program, repository);

    container.share_the_loopback();
    container.mount(&container.volume("volume"), "/work");
    let git = |words: &[&str]| container.run(&[&["/usr/bin/git"], words].concat(), "");
    git(&["clone", "-q", &url]).succeeded();
    assert_eq!(
        git(&["-C", "stones", "log", "--format=%an %s%d"]).succeeded().stdout,
        "A A wall (HEAD -> main, origin/main, origin/HEAD)\n"
    );
    assert_eq!(git(&["-C", "stones", "grep", "on"]).succeeded().stdout, "wall:stone on stone\n");
    git(&["-C", "stones", "fsck", "--strict"]).succeeded();
    git(&["clone", &url, "/elsewhere"]).ended(128).says("Read-only file system");
    // No SSH, and no shell to start it.
    git(&["clone", "ssh://127.0.0.1/stones.git", "other"]).ended(128).says("unable to fork");
}

//! Servers: each answers on its port, says what it did on its outputs, and ends in order when it is stopped.

use crate::container::{Container, Running};
use crate::support::wait_until;

/// Starts the image's own words, and waits until the port answers a request.
fn serve<'a>(container: &'a Container, port: u16, request: &str) -> Running<'a> {
    let server = container.start(&[]);
    wait_until("the port answers", || server.ask(port, request).code == Some(0));
    server
}

fn get(server: &Running<'_>, path: &str) -> String {
    server.ask(8080, &format!("GET {path} HTTP/1.0\r\n\r\n")).succeeded().stdout
}

#[test]
fn nginx_serves_its_files_and_its_page_for_those_that_are_not_there() {
    let Some(container) = Container::of("static-web") else { return };
    let server = serve(&container, 8080, "GET /ready HTTP/1.0\r\n\r\n");
    let page = |name: &str| std::fs::read_to_string(container.file("srv/www").join(name)).unwrap();
    let first = get(&server, "/");
    assert!(first.starts_with("HTTP/1.1 200 OK\r\nServer: nginx\r\n"), "{first}");
    assert!(first.contains("\r\nContent-Type: text/html\r\n") && first.ends_with(&page("index.html")), "{first}");
    let none = get(&server, "/none");
    assert!(none.starts_with("HTTP/1.1 404 Not Found\r\n") && none.ends_with(&page("404.html")), "{none}");
    server.signal("QUIT");
    let run = server.end().succeeded();
    assert!(run.stdout.contains("\"GET /none HTTP/1.0\" 404"), "{}", run.stdout);
    assert_eq!(run.stderr, "");
}

#[test]
fn haproxy_answers_and_counts() {
    let Some(container) = Container::of("haproxy") else { return };
    let server = serve(&container, 8080, "GET / HTTP/1.0\r\n\r\n");
    assert!(get(&server, "/").ends_with("\r\n\r\nhaproxy stands\n"));
    let none = get(&server, "/none");
    assert!(none.starts_with("HTTP/1.1 404 Not Found\r\n"), "{none}");
    assert!(get(&server, "/stats").contains("Statistics Report"));
    assert!(get(&server, "/metrics").contains("\nhaproxy_frontend_status{proxy=\"web\",state=\"UP\"} 1\n"));
    server.signal("USR1");
    let run = server.end().succeeded();
    assert!(run.stdout.contains("\"GET /none HTTP/1.0\""), "{}", run.stdout);
}

#[test]
fn valkey_keeps_its_keys_in_its_volume() {
    let Some(mut container) = Container::of("valkey") else { return };
    container.mount(&container.volume("volume"), "/data");
    let server = serve(&container, 6379, "PING\r\nQUIT\r\n");
    let said = server.ask(6379, "SET n 41\r\nINCR n\r\nEVAL \"return {KEYS[1], _VERSION}\" 1 n\r\nBGSAVE\r\nQUIT\r\n");
    assert_eq!(
        said.succeeded().stdout,
        "+OK\r\n:42\r\n*2\r\n$1\r\nn\r\n$7\r\nLua 5.1\r\n+Background saving started\r\n+OK\r\n"
    );
    server.signal("TERM");
    let run = server.end().succeeded();
    assert!(run.stdout.contains("DB saved on disk"), "{}", run.stdout);

    let server = serve(&container, 6379, "PING\r\nQUIT\r\n");
    assert_eq!(server.ask(6379, "GET n\r\nQUIT\r\n").stdout, "$2\r\n42\r\n+OK\r\n");
    server.signal("TERM");
    server.end().succeeded();
}

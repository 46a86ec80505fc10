//! The HTTP client against a server that is not always good.

mod loopback;

use drystone::http::{Body, Client, HttpError, Route};
use loopback::{Answer, Server, client};

async fn read(body: &mut Body) -> Result<Vec<u8>, HttpError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.chunk().await? {
        bytes.extend_from_slice(chunk.as_ref());
    }
    Ok(bytes)
}

#[tokio::test]
async fn a_part_is_given_from_where_it_was_asked() {
    let server = Server::start(|_| Answer::File(b"drystone".to_vec()));
    let mut body = client().get(&server.url("/f"), 3).await.unwrap();
    assert_eq!((body.start(), body.size()), (3, Some(8)));
    assert_eq!(read(&mut body).await.unwrap(), b"stone");
    assert_eq!(server.log(), ["/f from 3"]);
}

#[tokio::test]
async fn a_server_without_ranges_starts_over_and_says_so() {
    let server = Server::start(|_| Answer::Whole(b"drystone".to_vec()));
    let mut body = client().get(&server.url("/f"), 3).await.unwrap();
    assert_eq!((body.start(), body.size()), (0, Some(8)));
    assert_eq!(read(&mut body).await.unwrap(), b"drystone");
}

#[tokio::test]
async fn a_wrong_part_and_a_part_beyond_the_end_are_told_apart_from_other_errors() {
    let server = Server::start(|asked| match asked.path {
        "/wrong" => Answer::WrongPart(b"drystone".to_vec()),
        _ => Answer::File(b"dry".to_vec()),
    });
    for path in ["/wrong", "/short"] {
        let error = client().get(&server.url(path), 3).await.unwrap_err();
        assert!(matches!(error, HttpError::Range { offset: 3, .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("{}: the server does not give the bytes from 3 on", server.url(path)));
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn only_statuses_that_may_pass_are_worth_another_try() {
    let server = Server::start(|asked| Answer::Status(asked.path[1..].parse().unwrap()));
    for (status, text, transient) in [
        (404, "404 Not Found", false),
        (403, "403 Forbidden", false),
        (408, "408 Request Timeout", true),
        (429, "429 Too Many Requests", true),
        (503, "503 Service Unavailable", true),
    ] {
        let url = server.url(&format!("/{status}"));
        let error = client().get(&url, 0).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{url}: the server answered {text}"));
        assert_eq!(error.is_transient(), transient, "{status}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_no_end_of_the_file() {
    let server = Server::start(|_| Answer::Cut(b"drystone".to_vec(), 3));
    let mut body = client().get(&server.url("/f"), 0).await.unwrap();
    let error = read(&mut body).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{}: the transfer was interrupted", server.url("/f")));
    assert!(error.is_transient());
}

#[tokio::test]
async fn nobody_at_the_other_end_is_a_connection_error_without_the_password() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let client = Client::new(&[Route { prefix: "http://".to_owned(), proxy: None }]).unwrap();
    let error = client.get(&format!("http://me:secret@127.0.0.1:{port}/f"), 0).await.unwrap_err();
    assert_eq!(error.to_string(), format!("http://me:***@127.0.0.1:{port}/f: cannot connect"));
    assert!(error.is_transient());
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn what_is_no_url_is_not_tried_again() {
    let error = client().get("ftp://127.0.0.1/f", 0).await.unwrap_err();
    assert_eq!(error.to_string(), "ftp://127.0.0.1/f: not a usable URL");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_route_sends_a_url_through_its_proxy() {
    // To its client a proxy is a server that is asked for whole URLs (RFC 9112, section 3.2.2).
    let proxy = Server::start(|asked| Answer::File(asked.path.as_bytes().to_vec()));
    let route = Route { prefix: "http://deb.example.org/".to_owned(), proxy: Some(proxy.url("")) };
    let mut body = Client::new(&[route]).unwrap().get("http://deb.example.org/debian/x", 0).await.unwrap();
    assert_eq!(read(&mut body).await.unwrap(), b"http://deb.example.org/debian/x");
}

#[tokio::test]
async fn a_document_resolves_its_references_from_where_redirects_led() {
    let server = Server::start(|asked| match asked.path {
        "/simple/x/" => Answer::Redirect("/mirror/simple/x/"),
        _ => Answer::Text("text/html", "a page".to_owned()),
    });
    let document = client().document(&server.url("/simple/x/"), "text/html").await.unwrap();
    assert_eq!((document.content_type.as_str(), document.text.as_str()), ("text/html", "a page"));
    assert_eq!(document.resolve("../../f/x.tar"), Some(server.url("/mirror/f/x.tar")));
}

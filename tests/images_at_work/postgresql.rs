//! A database server: its directory is made, it answers, it shuts down in order, and what it knew is there again.

use crate::container::{Container, Running};
use crate::support::{Run, wait_until};

fn ask(server: &Running<'_>, sql: &str) -> Run {
    server.exec(&["/usr/bin/psql", "-h", "127.0.0.1", "-U", "postgres", "-XAtqc", sql])
}

/// Starts the server and waits until it takes connections.
fn serve(container: &Container) -> Running<'_> {
    let server = container.start(&[]);
    wait_until("postgresql takes connections", || {
        server.exec(&["/usr/bin/pg_isready", "-q", "-h", "127.0.0.1"]).code == Some(0)
    });
    server
}

#[test]
fn postgresql_makes_its_directory_answers_and_comes_back() {
    let Some(mut container) = Container::of("postgresql") else { return };
    container.mount(&container.volume("volume"), "/data");
    container.run(&["/usr/bin/initdb", "-U", "postgres", "-A", "trust"], "").succeeded();

    let server = serve(&container);
    let twice = "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN n * 2; END'";
    ask(&server, twice).succeeded();
    ask(&server, "CREATE TABLE t AS SELECT n, 'running dog ' || n AS text FROM generate_series(1, 1000) n").succeeded();
    let found = ask(&server, "SELECT count(*) FROM t WHERE to_tsvector('english', text) @@ to_tsquery('dogs & run')");
    assert_eq!(found.succeeded().stdout, "1000\n");
    let local = ask(&server, "SELECT twice(21), timestamptz '1990-06-21 12:00Z' AT TIME ZONE 'Europe/Oslo'");
    assert_eq!(local.succeeded().stdout, "42|1990-06-21 14:00:00\n");
    let encoded = ask(&server, "SELECT convert_to(U&'\\00e9', 'WIN1252'), current_setting('server_encoding')");
    assert_eq!(encoded.succeeded().stdout, "\\xe9|UTF8\n");
    // No shell: a program cannot be started from SQL, not even by the superuser.
    ask(&server, "COPY t TO PROGRAM 'cat'").ended(1).says("could not execute command");
    server.signal("INT");
    server.end().succeeded().says("database system is shut down");

    let server = serve(&container);
    assert_eq!(ask(&server, "SELECT max(n) FROM t").succeeded().stdout, "1000\n");
    server.signal("INT");
    server.end().succeeded();
}

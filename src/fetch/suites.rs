//! [`SourceIndex`]: what a Debian archive says of its source packages, where it does not list its directories.
//!
//! A suite's `Sources.xz` names each source package's directory and files, with their SHA-256 (Debian repository
//! format, "Sources"). Asked are the release and the next one: what only `unstable` has is soon gone from the pool.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use tokio::sync::OnceCell;
use xz2::read::XzDecoder;

use super::error::Refusal;
use super::listing::Listed;
use crate::http::{Client, HttpError};

const SUITES: [&str; 2] = ["stable", "testing"];
/// More than such an index has in bytes, packed.
const LIMIT: usize = 64 << 20;

/// The files of source packages by their directory in the pool.
type Pool = BTreeMap<String, Vec<Listed>>;

/// An archive's indexes of its source packages, asked once.
#[derive(Debug)]
pub(super) struct SourceIndex {
    base: String,
    pool: OnceCell<Pool>,
}

impl SourceIndex {
    /// Of the archive with this base.
    pub fn new(base: &str) -> Self {
        Self { base: base.to_owned(), pool: OnceCell::new() }
    }

    /// What lies in a directory of the pool, such as `pool/main/s/sed`.
    ///
    /// # Errors
    /// When the archive has no index, or none that names the directory.
    pub async fn files(&self, client: &Client, directory: &str) -> Result<Vec<Listed>, Refusal> {
        let pool = self.pool.get_or_try_init(|| self.ask(client)).await?;
        let page = || format!("{}/dists/{{{}}}/main/source/Sources.xz", self.base, SUITES.join(","));
        let unknown = || Refusal::NotListed { page: page(), file: directory.to_owned() };
        pool.get(directory).cloned().ok_or_else(unknown)
    }

    async fn ask(&self, client: &Client) -> Result<Pool, Refusal> {
        let mut pool = Pool::new();
        for suite in SUITES {
            let page = format!("{}/dists/{suite}/main/source/Sources.xz", self.base);
            let packed = whole(client, &page).await?;
            let bad = |_| Refusal::BadIndex { page: page.clone(), expected: "a Debian archive's index of its sources" };
            read(BufReader::new(XzDecoder::new(packed.as_slice())), &mut pool).map_err(bad)?;
        }
        Ok(pool)
    }
}

async fn whole(client: &Client, page: &str) -> Result<Vec<u8>, HttpError> {
    let mut body = client.get(page, 0).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = body.chunk().await? {
        bytes.extend_from_slice(chunk.as_ref());
        if bytes.len() > LIMIT {
            return Err(HttpError::TooLarge { url: crate::http::without_password(page), limit: LIMIT });
        }
    }
    Ok(bytes)
}

/// Adds what the paragraphs of an index say.
fn read(mut index: impl BufRead, pool: &mut Pool) -> std::io::Result<()> {
    let (mut directory, mut files, mut in_checksums) = (None, Vec::new(), false);
    let mut line = String::new();
    loop {
        line.clear();
        let end = index.read_line(&mut line)? == 0;
        let text = line.trim_end();
        if text.is_empty() {
            if let Some(directory) = directory.take() {
                let known = pool.entry(directory).or_default();
                let new = files.drain(..).filter(|file| !known.contains(file));
                let new: Vec<Listed> = new.collect();
                known.extend(new);
            }
            files.clear();
            in_checksums = false;
        } else if let Some(continued) = text.strip_prefix(' ') {
            if in_checksums {
                let mut words = continued.split_whitespace();
                let (sha256, name) = (words.next(), words.nth(1));
                files.extend(
                    name.map(|name| Listed { name: name.to_owned(), sha256: sha256.and_then(|it| it.parse().ok()) }),
                );
            }
        } else {
            in_checksums = text.starts_with("Checksums-Sha256:");
            if let Some(path) = text.strip_prefix("Directory:") {
                directory = Some(path.trim().to_owned());
            }
        }
        if end {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;

    #[test]
    fn a_directory_has_what_every_suite_says_of_it_once() {
        let digest = Sha256::of(b"x");
        let paragraph = |version: &str| {
            format!(
                "Package: probe\nFiles:\n 0123 9 probe_{version}.dsc\nDirectory: pool/main/p/probe\n\
                 Checksums-Sha256:\n {digest} 9 probe_{version}.orig.tar.xz\n {digest} 1 probe_1.dsc\nHomepage: x\n\n"
            )
        };
        let mut pool = Pool::new();
        for suite in [paragraph("1"), paragraph("2").trim_end().to_owned()] {
            read(suite.as_bytes(), &mut pool).unwrap();
        }
        let names: Vec<_> = pool["pool/main/p/probe"].iter().map(|listed| listed.name.as_str()).collect();
        assert_eq!(names, ["probe_1.orig.tar.xz", "probe_1.dsc", "probe_2.orig.tar.xz"]);
        assert_eq!(pool["pool/main/p/probe"][0].sha256, Some(digest));
    }
}

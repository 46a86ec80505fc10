//! Private keys and other secrets, by content and by name.

use memchr::memmem;

/// Longest line of a key's text that is looked at: RFC 7468 has 64 characters, older writers up to 76.
const KEY_LINE: usize = 24;

/// The kind of private key that the bytes hold: a PEM header (RFC 7468) with a key's text below it, so that a
/// program that merely knows the header is none.
pub(super) fn private_key(bytes: &[u8]) -> Option<&'static str> {
    const KINDS: [(&str, &str); 8] = [
        ("-----BEGIN PRIVATE KEY-----", "a PKCS #8 private key"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "an encrypted PKCS #8 private key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "an RSA private key"),
        ("-----BEGIN EC PRIVATE KEY-----", "an EC private key"),
        ("-----BEGIN DSA PRIVATE KEY-----", "a DSA private key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "an OpenSSH private key"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "an OpenPGP private key"),
        ("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----", "an encrypted signing key"),
    ];
    // One walk for the part that all share, and then the kind.
    memmem::find_iter(bytes, b"-----BEGIN ").find_map(|at| {
        let rest = &bytes[at..];
        let (header, kind) = KINDS.iter().find(|(header, _)| rest.starts_with(header.as_bytes()))?;
        has_key_text(&rest[header.len()..]).then_some(*kind)
    })
}

/// Whether a line of Base64 follows, after the header lines that older formats have.
fn has_key_text(rest: &[u8]) -> bool {
    let base64 = |line: &[u8]| {
        line.len() >= KEY_LINE && line.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
    };
    let lines = rest.split(|byte| *byte == b'\n').skip(1).take(8).map(|line| line.trim_ascii());
    lines.take_while(|line| !line.starts_with(b"-----")).any(base64)
}

/// The kind of secret that a small text holds.
pub(super) fn secret(bytes: &[u8]) -> Option<&'static str> {
    const LARGEST: usize = 1 << 20;
    if bytes.len() > LARGEST || bytes.contains(&0) {
        return None;
    }
    const MARKS: [(&[u8], &str); 5] = [
        (b"aws_secret_access_key", "an AWS secret key"),
        (b"\"private_key_id\"", "a service account's key"),
        (b":_authToken=", "an npm token"),
        (b"\nghp_", "an access token"),
        (b"xoxb-", "an access token"),
    ];
    let marked = MARKS.iter().find(|(mark, _)| memmem::find(bytes, mark).is_some()).map(|(_, kind)| *kind);
    marked.or_else(|| registry_password(bytes)).or_else(|| password_hash(bytes))
}

/// A registry client's file with a password: `"auths": {"…": {"auth": "…"}}`.
fn registry_password(bytes: &[u8]) -> Option<&'static str> {
    let json: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let auths = json.get("auths")?.as_object()?;
    let filled = |entry: &serde_json::Value| {
        ["auth", "identitytoken", "password"].iter().any(|key| entry.get(key).is_some_and(|value| value != ""))
    };
    auths.values().any(filled).then_some("a registry's password")
}

/// A line of shadow(5) with a hash that a password could match.
fn password_hash(bytes: &[u8]) -> Option<&'static str> {
    let hashed = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next().unwrap_or_default();
        let hash = fields.next().unwrap_or_default();
        let scheme = [b"$1$".as_slice(), b"$2", b"$5$", b"$6$", b"$y$", b"$7$", b"$argon2"];
        !name.is_empty() && name.len() <= 32 && scheme.iter().any(|prefix| hash.starts_with(prefix))
    };
    bytes.split(|byte| *byte == b'\n').any(hashed).then_some("a password's hash")
}

/// The kind of secret that a path by its name is.
pub(super) fn secret_path(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ends = |tails: &[&str]| tails.iter().any(|tail| path == *tail || path.ends_with(&format!("/{tail}")));
    if ends(&[".ssh/id_rsa", ".ssh/id_ecdsa", ".ssh/id_ed25519", ".ssh/id_dsa"]) {
        return Some("an SSH key");
    }
    if ends(&[".aws/credentials", ".docker/config.json", ".kube/config", ".config/gcloud/credentials.db"]) {
        return Some("a cloud client's credentials");
    }
    match name {
        ".netrc" | ".pgpass" | ".git-credentials" | ".npmrc" | ".pypirc" | ".my.cnf" => Some("a client's credentials"),
        ".env" => Some("a service's environment"),
        ".bash_history" | ".ash_history" | ".sh_history" | ".python_history" => Some("a history of commands"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_header_with_a_keys_text_below_it() {
        let pem = |kind: &str, body: &str| format!("x\n-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n");
        let body = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
        assert_eq!(private_key(pem("PRIVATE KEY", body).as_bytes()), Some("a PKCS #8 private key"));
        let headers = format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n{body}");
        assert_eq!(private_key(pem("RSA PRIVATE KEY", &headers).as_bytes()), Some("an RSA private key"));
        assert_eq!(private_key(b"-----BEGIN PRIVATE KEY-----\0-----END PRIVATE KEY-----\0"), None, "a parser's text");
        assert_eq!(private_key(pem("CERTIFICATE", body).as_bytes()), None);
    }

    #[test]
    fn a_password_is_a_secret_and_a_locked_account_is_none() {
        assert_eq!(secret(b"root:$6$salt$hash:19000:0:::::\n"), Some("a password's hash"));
        assert_eq!(secret(b"root:*:19000:0:::::\nnobody:!:1:::::\n"), None);
        assert_eq!(secret(br#"{"auths": {"example.org": {"auth": "bWU6c2VjcmV0"}}}"#), Some("a registry's password"));
        assert_eq!(secret(br#"{"auths": {"example.org": {}}}"#), None);
    }
}

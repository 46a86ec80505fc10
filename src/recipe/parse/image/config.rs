//! `[config]`: how the container runs
//! ([OCI image configuration](https://github.com/opencontainers/image-spec/blob/v1.1.0/config.md)).

use toml::Spanned;
use toml::de::DeValue;

use super::accounts::Accounts;
use crate::recipe::ImageConfig;
use crate::recipe::nearest::did_you_mean;
use crate::recipe::parse::Document;
use crate::recipe::parse::fields::{Fields, Value};
use crate::recipe::parse::text::environment;

pub(super) fn config(mut fields: Fields<'_>, accounts: &Accounts) -> ImageConfig {
    let texts = |list: Vec<Directory>| list.into_iter().map(|directory| directory.0).collect();
    let config = ImageConfig {
        entrypoint: fields.or_default("entrypoint"),
        cmd: fields.or_default("cmd"),
        env: environment(&mut fields, "env"),
        user: user(&mut fields, accounts),
        workdir: fields.optional::<Directory>("workdir").map(|directory| directory.0),
        labels: fields.or_default("labels"),
        ports: fields.or_default::<Vec<Port>>("ports").into_iter().map(|port| port.0).collect(),
        stop_signal: fields.optional::<Signal>("stop-signal").map(|signal| signal.0),
        volumes: texts(fields.or_default("volumes")),
    };
    fields.finish();
    config
}

fn user(fields: &mut Fields<'_>, accounts: &Accounts) -> Option<String> {
    let user = fields.optional::<Spanned<String>>("user")?;
    let text = user.get_ref();
    let number = |part: &str| part.parse::<u32>().is_ok();
    let numbers = text.split_once(':').map_or_else(|| number(text), |(uid, gid)| number(uid) && number(gid));
    if !numbers && !accounts.may_have_user(text) {
        let nearest = did_you_mean(text, accounts.user_names());
        let help = nearest.unwrap_or_else(|| "say UID, UID:GID, or the name of a [[user]]".to_owned());
        fields.document.report(user.span(), format!("unknown user `{text}`"), Some(help));
    }
    Some(user.into_inner())
}

fn report(value: &Spanned<DeValue<'_>>, document: &Document<'_>, message: String) -> Option<String> {
    document.report(value.span(), message, None);
    None
}

/// An absolute path inside the container.
struct Directory(String);

impl Value for Directory {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        let usable =
            text.starts_with('/') && !text.split('/').any(|part| part == "..") && !text.contains(char::is_control);
        if usable { Some(text) } else { report(value, document, format!("`{text}` is not an absolute path")) }.map(Self)
    }
}

/// `PORT/tcp`, `PORT/udp`, `PORT/sctp` or `PORT`.
struct Port(String);

impl Value for Port {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        let (number, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
        let usable = number.parse::<u16>().is_ok_and(|number| number > 0) && ["tcp", "udp", "sctp"].contains(&protocol);
        if usable {
            Some(text)
        } else {
            report(value, document, format!("`{text}` is not a port: it needs the form 8080/tcp"))
        }
        .map(Self)
    }
}

/// `SIGNAME`, as `kill -l` has it.
struct Signal(String);

impl Value for Signal {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        let name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_uppercase())
                && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || "+-".contains(c))
        };
        let usable = text.strip_prefix("SIG").is_some_and(name);
        if usable {
            Some(text)
        } else {
            report(value, document, format!("`{text}` is not a signal: it needs the form SIGTERM"))
        }
        .map(Self)
    }
}

//! `[runtime]`: what the container may do while it runs.

use toml::Spanned;
use toml::de::DeValue;

use super::entries::{Absolute, Mode};
use super::size::Size;
use crate::path::RelPath;
use crate::recipe::nearest::did_you_mean;
use crate::recipe::parse::Document;
use crate::recipe::parse::fields::{Fields, Value};
use crate::recipe::parse::text::report_repeats;
use crate::recipe::{CAPABILITIES, Runtime, WritablePath};

/// Where every runtime mounts file systems of the kernel's: nothing of an image can be written there.
const KERNEL_MOUNTS: [&str; 3] = ["proc", "sys", "dev"];
const WRITABLE_MODE: u32 = 0o700;

pub(super) fn runtime(mut fields: Fields<'_>) -> Runtime {
    let (paths, writable): (Vec<_>, Vec<_>) =
        fields.tables("writable", "[[runtime.writable]]").into_iter().filter_map(writable).unzip();
    report_repeats(&paths, fields.document);
    let texts = |list: Vec<Capability>| list.into_iter().map(|capability| capability.0).collect();
    let runtime = Runtime {
        writable,
        capabilities: texts(fields.or_default("capabilities")),
        syscalls: fields.or_default::<Vec<Syscall>>("syscalls").into_iter().map(|call| call.0).collect(),
        memory: fields.optional::<Size>("memory").map(|size| size.0),
        pids: fields.optional("pids"),
    };
    fields.finish();
    runtime
}

fn writable(mut fields: Fields<'_>) -> Option<(Spanned<Absolute>, WritablePath)> {
    let path = fields.required::<Spanned<Absolute>>("path");
    let size = fields.required::<Size>("size");
    let owner = fields.optional("owner");
    let mode = fields.optional::<Mode>("mode").map_or(WRITABLE_MODE, |mode| mode.0);
    let document = fields.document;
    fields.finish();
    let path = path?;
    if let Some(mount) = hidden_by(&path.get_ref().0) {
        let help = "declare another path, and tell the program to write there".to_owned();
        let message = format!("`{}` cannot be writable: every container has a mount at /{mount}", path.get_ref());
        document.report(path.span(), message, Some(help));
        return None;
    }
    let writable = WritablePath { path: path.get_ref().0.clone(), size: size?.0, owner, mode };
    Some((path, writable))
}

/// The kernel's mount that hides a path; `/dev/shm` is a directory that runtimes can give.
fn hidden_by(path: &RelPath) -> Option<&'static str> {
    let first = path.as_str().split('/').next().unwrap_or_default();
    KERNEL_MOUNTS.into_iter().find(|mount| *mount == first).filter(|_| path.as_str() != "dev/shm")
}

/// A capability without `CAP_`.
struct Capability(String);

impl Value for Capability {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        let name = text.strip_prefix("CAP_").unwrap_or(&text);
        if CAPABILITIES.contains(&name) {
            return Some(Self(name.to_owned()));
        }
        let help = did_you_mean(name, CAPABILITIES.iter().copied());
        let help = help.unwrap_or_else(|| "capabilities(7) lists them: NET_BIND_SERVICE, CHOWN, …".to_owned());
        document.report(value.span(), format!("`{text}` is not a capability"), Some(help));
        None
    }
}

/// A system call's name.
struct Syscall(String);

impl Value for Syscall {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        if !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
            return Some(Self(text));
        }
        document.report(value.span(), format!("`{text}` is not the name of a system call"), None);
        None
    }
}

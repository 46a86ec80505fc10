//! `/etc/passwd` and `/etc/group` as passwd(5) and group(5) say, and the container's user as numbers. Pure.

use super::ImageError;
use crate::path::RelPath;
use crate::recipe::{ImageSpec, SpecGroup, SpecUser};

/// The user of an image whose spec names none: no account's number, above all that distributions give out.
const NOBODY: &str = "65532:65532";

/// The account files that the spec's users and groups ask for.
///
/// # Errors
/// When a field holds what would end it.
pub(super) fn files(spec: &ImageSpec) -> Result<Vec<(RelPath, String)>, ImageError> {
    let mut files = Vec::new();
    if !spec.users.is_empty() {
        files.push((etc("passwd"), spec.users.iter().map(user_line).collect::<Result<_, _>>()?));
    }
    if !spec.groups.is_empty() {
        files.push((etc("group"), spec.groups.iter().map(group_line).collect::<Result<_, _>>()?));
    }
    Ok(files)
}

fn etc(name: &str) -> RelPath {
    RelPath::new(format!("etc/{name}")).expect("the name is passwd or group")
}

fn user_line(user: &SpecUser) -> Result<String, ImageError> {
    let SpecUser { name, owner, home, shell } = user;
    let fault = [name, home, shell].into_iter().find_map(|field| fault(field)).or(blank(name));
    match fault {
        Some(reason) => Err(ImageError::Account { kind: "user", name: name.clone(), file: "passwd", reason }),
        // `x`: the password would be in a shadow file, and there is none, so no password lets anybody in.
        None => Ok(format!("{name}:x:{}:{}::{home}:{shell}\n", owner.uid, owner.gid)),
    }
}

fn group_line(group: &SpecGroup) -> Result<String, ImageError> {
    let SpecGroup { name, gid, members } = group;
    let comma = |member: &String| member.contains(',').then_some("a member's name holds a comma");
    let fault = [name].into_iter().chain(members).find_map(|field| fault(field).or(blank(field)));
    match fault.or(members.iter().find_map(comma)) {
        Some(reason) => Err(ImageError::Account { kind: "group", name: name.clone(), file: "group", reason }),
        None => Ok(format!("{name}:x:{gid}:{}\n", members.join(","))),
    }
}

fn fault(field: &str) -> Option<&'static str> {
    if field.contains(':') {
        return Some("a field holds a colon");
    }
    field.chars().any(char::is_control).then_some("a field holds a control character")
}

fn blank(name: &str) -> Option<&'static str> {
    name.is_empty().then_some("a name is empty")
}

/// The config's user with every name replaced by its number, because a runtime can check only of a number that it
/// is not root's. A group that is not said stays so: the runtime takes it, and the supplementary ones, from the
/// account files. Where the spec names no user it is [`NOBODY`], never root.
///
/// # Errors
/// When a name is not declared.
pub(super) fn numeric_user(spec: &ImageSpec) -> Result<String, ImageError> {
    let Some(text) = &spec.config.user else { return Ok(NOBODY.to_owned()) };
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text.as_str(), None),
    };
    let unknown = |kind, name: &str, declared: Vec<String>| ImageError::User {
        user: text.clone(),
        kind,
        name: name.to_owned(),
        declared,
    };
    let uid = number(user).or_else(|| spec.users.iter().find(|known| known.name == user).map(|known| known.owner.uid));
    let uid = uid.ok_or_else(|| unknown("user", user, spec.users.iter().map(|known| known.name.clone()).collect()))?;
    let Some(group) = group else { return Ok(uid.to_string()) };
    let gid = number(group).or_else(|| spec.groups.iter().find(|known| known.name == group).map(|known| known.gid));
    let gid =
        gid.ok_or_else(|| unknown("group", group, spec.groups.iter().map(|known| known.name.clone()).collect()))?;
    Ok(format!("{uid}:{gid}"))
}

/// A decimal number without a sign; `parse` alone would take `+1`.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

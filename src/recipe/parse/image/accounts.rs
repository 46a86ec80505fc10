//! `[[user]]` and `[[group]]`.

use toml::Spanned;
use toml::de::DeValue;

use crate::recipe::parse::Document;
use crate::recipe::parse::fields::{Fields, Value};
use crate::recipe::parse::text::{Line, report_repeats};
use crate::recipe::{Owner, SpecGroup, SpecUser};

/// The users of a spec, and its groups: one for each user, and those that it lists.
pub(super) fn users_and_groups(fields: &mut Fields<'_>) -> (Vec<SpecUser>, Vec<SpecGroup>) {
    let users: Vec<_> = fields.tables("user", "[[user]]").into_iter().filter_map(user).collect();
    let groups: Vec<_> = fields.tables("group", "[[group]]").into_iter().filter_map(group).collect();
    let names: Vec<_> = users.iter().map(|(name, _)| name.clone()).collect();
    report_repeats(&names, fields.document);
    let names: Vec<_> = groups.iter().map(|(name, _)| name.clone()).collect();
    report_repeats(&names, fields.document);
    let mut all: Vec<SpecGroup> = Vec::new();
    for (name, user) in &users {
        match groups.iter().find(|(group, _)| group.get_ref() == name.get_ref()) {
            Some((_, group)) if group.gid != user.owner.gid => {
                let message = format!("the group `{}` has the number {}, not {}", name, group.gid, user.owner.gid);
                fields.document.report(name.span(), message, Some(format!("say `gid = {}`", group.gid)));
            }
            Some(_) => {}
            None => all.push(SpecGroup { name: user.name.clone(), gid: user.owner.gid, members: Vec::new() }),
        }
    }
    all.extend(groups.into_iter().map(|(_, group)| group));
    (users.into_iter().map(|(_, user)| user).collect(), all)
}

/// A name of `/etc/passwd` or `/etc/group`, as `useradd` takes it.
struct AccountName(String);

impl Value for AccountName {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        let first = |c: char| c.is_ascii_lowercase() || c == '_';
        let rest = |c: char| first(c) || c.is_ascii_digit() || c == '-';
        if text.len() <= 32 && text.starts_with(first) && text.chars().all(rest) {
            return Some(Self(text));
        }
        let message = format!("`{text}` is not an account's name: it needs lower-case letters, digits, `_` or `-`");
        document.report(value.span(), message, None);
        None
    }
}

/// A field of `/etc/passwd` that is an absolute path.
struct PasswdPath(String);

impl Value for PasswdPath {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let Line(text) = Line::read(value, document)?;
        if text.starts_with('/') && !text.contains(':') {
            return Some(Self(text));
        }
        document.report(value.span(), format!("`{text}` is not an absolute path without a colon"), None);
        None
    }
}

fn user(mut fields: Fields<'_>) -> Option<(Spanned<String>, SpecUser)> {
    let name = fields.required::<Spanned<AccountName>>("name");
    let uid = fields.required::<u32>("uid");
    let gid = fields.optional::<u32>("gid").or(uid);
    let home = fields.optional::<PasswdPath>("home").map_or_else(|| "/".to_owned(), |path| path.0);
    let shell = fields.optional::<PasswdPath>("shell").map_or_else(|| "/nonexistent".to_owned(), |path| path.0);
    fields.finish();
    let name = spanned_name(name?);
    let user = SpecUser { name: name.get_ref().clone(), owner: Owner { uid: uid?, gid: gid? }, home, shell };
    Some((name, user))
}

fn group(mut fields: Fields<'_>) -> Option<(Spanned<String>, SpecGroup)> {
    let name = fields.required::<Spanned<AccountName>>("name");
    let gid = fields.required::<u32>("gid");
    let members: Vec<AccountName> = fields.or_default("members");
    fields.finish();
    let name = spanned_name(name?);
    let members = members.into_iter().map(|member| member.0).collect();
    let group = SpecGroup { name: name.get_ref().clone(), gid: gid?, members };
    Some((name, group))
}

fn spanned_name(name: Spanned<AccountName>) -> Spanned<String> {
    Spanned::new(name.span(), name.into_inner().0)
}

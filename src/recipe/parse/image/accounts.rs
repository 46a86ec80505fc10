//! `[[user]]` and `[[group]]`.

use toml::Spanned;
use toml::de::DeValue;

use crate::recipe::nearest::did_you_mean;
use crate::recipe::parse::Document;
use crate::recipe::parse::fields::{Fields, Value};
use crate::recipe::parse::text::{Line, report_repeats};
use crate::recipe::{Owner, SpecGroup, SpecUser};

/// The users of a spec, and its groups: one for each user, and those that it lists.
pub(super) struct Accounts {
    pub users: Vec<SpecUser>,
    pub groups: Vec<SpecGroup>,
    /// Whether all users could be read.
    complete: bool,
}

impl Accounts {
    /// Whether a user is known, or may be when the faults have been mended.
    pub fn may_have_user(&self, name: &str) -> bool {
        !self.complete || self.user_names().any(|known| known == name)
    }

    /// The names of the users.
    pub fn user_names(&self) -> impl Iterator<Item = &str> {
        self.users.iter().map(|user| user.name.as_str())
    }
}

pub(super) fn accounts(fields: &mut Fields<'_>) -> Accounts {
    let document = fields.document;
    let users: Vec<_> = fields.tables("user", "[[user]]").into_iter().map(user).collect();
    let complete = users.iter().all(Option::is_some);
    let (user_names, users): (Vec<_>, Vec<_>) = users.into_iter().flatten().unzip();
    let groups: Vec<_> = fields.tables("group", "[[group]]").into_iter().filter_map(group).collect();
    report_repeats(&user_names, document);
    report_repeats(&groups.iter().map(|group| group.name.clone()).collect::<Vec<_>>(), document);
    let mut accounts = Accounts { users, groups: Vec::new(), complete };
    for (name, user) in user_names.iter().zip(&accounts.users) {
        match groups.iter().find(|group| group.name == *name) {
            Some(group) if group.gid != user.owner.gid => {
                let message = format!("the group `{name}` has the number {}, not {}", group.gid, user.owner.gid);
                document.report(name.span(), message, Some(format!("say `gid = {}`", group.gid)));
            }
            Some(_) => {}
            None => {
                let members = Vec::new();
                accounts.groups.push(SpecGroup { name: user.name.clone(), gid: user.owner.gid, members });
            }
        }
    }
    for member in groups.iter().flat_map(|group| &group.members) {
        let name = member.get_ref();
        if !accounts.may_have_user(name) {
            let help = did_you_mean(name, accounts.user_names());
            document.report(member.span(), format!("unknown user `{name}`"), help);
        }
    }
    accounts.groups.extend(groups.into_iter().map(Group::into_spec));
    accounts
}

/// A `[[group]]` with the places of its names.
struct Group {
    name: Spanned<String>,
    gid: u32,
    members: Vec<Spanned<String>>,
}

impl Group {
    fn into_spec(self) -> SpecGroup {
        let members = self.members.into_iter().map(Spanned::into_inner).collect();
        SpecGroup { name: self.name.into_inner(), gid: self.gid, members }
    }
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

fn group(mut fields: Fields<'_>) -> Option<Group> {
    let name = fields.required::<Spanned<AccountName>>("name");
    let gid = fields.required::<u32>("gid");
    let members: Vec<Spanned<AccountName>> = fields.or_default("members");
    fields.finish();
    Some(Group { name: spanned_name(name?), gid: gid?, members: members.into_iter().map(spanned_name).collect() })
}

fn spanned_name(name: Spanned<AccountName>) -> Spanned<String> {
    Spanned::new(name.span(), name.into_inner().0)
}

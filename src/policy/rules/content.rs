//! What no file may hold, what it may be called, and how large it may be.

use globset::{Glob, GlobMatcher};

use super::Findings;
use crate::policy::{EntryKind, Inventory, secrets};
use crate::recipe::{Policy, Rule};

const EVERYBODY_READS: u32 = 0o004;

pub(super) fn judge(policy: &Policy, inventory: &Inventory, findings: &mut Findings) {
    secret(inventory, findings);
    denied(policy, inventory, findings);
    sizes(policy, inventory, findings);
}

fn secret(inventory: &Inventory, findings: &mut Findings) {
    for (path, entry, facts) in inventory.files() {
        if let Some(kind) = &facts.private_key {
            let mend = "take it out and replace the key: it has been where it should not be";
            findings.add(Rule::PrivateKey, path, format!("it holds {kind}"), mend);
        }
        let known = facts.secret.as_deref().or_else(|| secrets::secret_path(path.as_str()).filter(|_| facts.size > 0));
        if let Some(kind) = known.filter(|_| entry.mode & EVERYBODY_READS != 0) {
            let mend = "take it out and give it to the container when it starts, as a mounted secret";
            findings.add(Rule::ReadableSecret, path, format!("{kind} that everybody may read"), mend);
        }
    }
}

fn denied(policy: &Policy, inventory: &Inventory, findings: &mut Findings) {
    let globs: Vec<(&String, GlobMatcher)> =
        policy.denied_names.iter().filter_map(|text| Some((text, Glob::new(text).ok()?.compile_matcher()))).collect();
    for (path, entry) in &inventory.entries {
        let name = |text: &str| if text.contains('/') { path.as_str() } else { path.file_name() }.to_owned();
        for (text, _) in globs.iter().filter(|(text, glob)| glob.is_match(name(text))) {
            findings.add(Rule::DeniedName, path, format!("the policy denies the name `{text}`"), "leave it out");
        }
        if let EntryKind::File(facts) = &entry.kind
            && policy.denied_digests.contains(&facts.sha256)
        {
            let what = format!("the policy denies the digest sha256:{}", facts.sha256);
            findings.add(Rule::DeniedDigest, path, what, "leave it out, or take another version");
        }
    }
}

fn sizes(policy: &Policy, inventory: &Inventory, findings: &mut Findings) {
    let mut total = 0_u64;
    for (path, _, facts) in inventory.files() {
        total += facts.size;
        if let Some(limit) = policy.max_file_size.filter(|limit| facts.size > *limit) {
            let what = format!("it has {} bytes, {limit} are allowed", facts.size);
            findings.add(Rule::FileSize, path, what, "leave it out, make it smaller, or raise `max-file-size`");
        }
    }
    if let Some(limit) = policy.max_size.filter(|limit| total > *limit) {
        let what = format!("its files have {total} bytes, {limit} are allowed");
        findings.add_whole(Rule::ImageSize, what, "leave something out, or raise `max-size`");
    }
}

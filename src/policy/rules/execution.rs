//! How the container runs.

use super::Findings;
use crate::policy::Inventory;
use crate::recipe::{Policy, Rule};

/// What a service may need without it being a part of root that matters: to listen below port 1024.
const HARMLESS: [&str; 1] = ["NET_BIND_SERVICE"];

pub(super) fn judge(_policy: &Policy, inventory: &Inventory, findings: &mut Findings) {
    user(inventory, findings);
    let Some(declared) = &inventory.declared else { return };
    for capability in &declared.runtime.capabilities {
        if !HARMLESS.contains(&capability.as_str()) {
            let what = format!("the container keeps CAP_{capability}");
            let mend = "take it out of [runtime], or waive `capability` for the image and say why it needs it";
            findings.add_whole(Rule::Capability, what, mend);
        }
    }
}

fn user(inventory: &Inventory, findings: &mut Findings) {
    let Some(user) = &inventory.user else { return };
    match inventory.uid() {
        Some(0) => {
            let what = if user.is_empty() { "no user is set, so it runs as root" } else { "it runs as root" };
            findings.add_whole(Rule::RunAsRoot, what, "set `user` to a number above zero, such as \"65532:65532\"");
        }
        Some(_) => {}
        None => {
            let what = format!("it runs as `{user}`");
            findings.add_whole(Rule::NumericUser, what, "set `user` to the number");
        }
    }
}

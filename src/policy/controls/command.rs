//! `run`: the command line of podman-run(1) or docker-run(1) as a script, so that it runs as it stands.

use super::Controls;
use crate::recipe::WritablePath;

/// The script. It finds the image in the layout that it lies in, unless `IMAGE` names another.
pub(super) fn script(controls: &Controls<'_>) -> String {
    let mut options = vec![
        "--read-only".to_owned(),
        "--cap-drop=all".to_owned(),
        "--security-opt=no-new-privileges".to_owned(),
        "--security-opt=seccomp=\"$here/seccomp.json\"".to_owned(),
        format!("--user={}:{}", controls.user.uid, controls.user.gid),
        // Without it /dev/shm would be a writable place that nobody declared.
        "--ipc=none".to_owned(),
    ];
    options.extend(controls.runtime.capabilities.iter().map(|capability| format!("--cap-add={capability}")));
    options.extend(controls.runtime.memory.map(|limit| format!("--memory={limit}b")));
    options.extend(controls.runtime.pids.map(|limit| format!("--pids-limit={limit}")));
    options.extend(controls.runtime.writable.iter().map(|writable| tmpfs(controls, writable)));
    let (name, tag) = (controls.name, controls.tag);
    let options = options.join(" \\\n    ");
    format!(
        r#"#!/bin/sh
# Runs {name}:{tag} with everything denied that it does not need.
#
#     run [OPTION...] [-- WORD...]
#
# Options go to podman ("ENGINE=docker" takes docker), words to the program. IMAGE names the image: it is the layout
# that this file lies in, or what you have loaded or pulled.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
engine=${{ENGINE:-podman}}
image=${{IMAGE:-oci:${{here%/runtime}}:{tag}}}
case $(basename -- "$engine") in
podman) set -- --read-only-tmpfs=false "$@" ;;
esac
count=$#
while [ "$count" -gt 0 ]; do
    count=$((count - 1))
    word=$1
    shift
    if [ "$word" = -- ]; then
        set -- "$@" "$image"
        image=
    else
        set -- "$@" "$word"
    fi
done
[ -z "$image" ] || set -- "$@" "$image"
exec "$engine" run --rm \
    {options} \
    "$@"
"#
    )
}

/// A writable path. Neither engine gives it to another user than root, so that others need the sticky mode of /tmp.
fn tmpfs(controls: &Controls<'_>, writable: &WritablePath) -> String {
    let owner = writable.owner.unwrap_or_default();
    let mode = if owner.uid == 0 && controls.user.uid == 0 { writable.mode } else { 0o1777 };
    format!("--tmpfs=/{}:rw,noexec,nosuid,nodev,size={},mode={mode:04o}", writable.path, writable.size)
}

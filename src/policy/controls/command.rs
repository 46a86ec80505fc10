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
image=${{IMAGE:-}}
# podman gives a mounted directory to the container's user by U, docker to any user by numbers.
case $(basename -- "$engine") in
podman) podman=yes && set -- --read-only-tmpfs=false "$@" ;;
*) podman= ;;
esac
if [ -z "$image" ] && [ -z "$podman" ]; then
    echo "run: load the image into $engine, and name it in IMAGE" >&2
    exit 2
elif [ -z "$image" ]; then
    # podman makes a name of the path, and a name has no capital letters: it sees the layout through a link.
    layout=${{here%/runtime*}}
    link=/tmp/drystone-$(id -u)-$(printf %s "$layout" | cksum | cut -d " " -f 1)
    mkdir -m 700 "$link"
    ln -s "$layout" "$link/layout"
    image=$("$engine" pull --quiet "oci:$link/layout:{tag}") || {{ rm -r "$link"; exit 1; }}
    rm -r "$link"
fi
owned() {{ if [ "$podman" ]; then echo U; else echo "uid=$1,gid=$2"; fi; }}
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

/// A writable path. podman can give it to the container's user and to root, and to nobody else.
fn tmpfs(controls: &Controls<'_>, writable: &WritablePath) -> String {
    let WritablePath { path, size, owner, mode } = writable;
    let owner = owner.unwrap_or_default();
    let given = if owner == controls.user { format!(",$(owned {} {})", owner.uid, owner.gid) } else { String::new() };
    format!("--tmpfs=\"/{path}:rw,noexec,nosuid,nodev,size={size},mode={mode:04o}{given}\"")
}

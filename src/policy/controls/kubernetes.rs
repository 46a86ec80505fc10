//! `pod.yaml`: a Kubernetes pod ([core/v1](https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/))
//! that passes the "restricted" pod security standard. Its `securityContext`s and volumes are what a deployment takes
//! from it.

use std::fmt::Write as _;

use super::Controls;
use crate::recipe::WritablePath;

/// The pod.
pub(super) fn pod(controls: &Controls<'_>) -> String {
    let name = controls.short_name().replace(['_', '.'], "-");
    let (uid, gid) = (controls.user.uid, controls.user.gid);
    let image = format!("{}:{}", controls.name, controls.tag);
    let mut text = format!(
        "# Put seccomp.json on the nodes as /var/lib/kubelet/seccomp/{name}.json.
apiVersion: v1
kind: Pod
metadata:
  name: {name}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext:
    runAsNonRoot: {non_root}
    runAsUser: {uid}
    runAsGroup: {gid}
    fsGroup: {gid}
    seccompProfile:
      type: Localhost
      localhostProfile: {name}.json
  containers:
    - name: {name}
      image: {image}
      securityContext:
        allowPrivilegeEscalation: false
        privileged: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
",
        non_root = uid != 0,
    );
    if !controls.runtime.capabilities.is_empty() {
        let _ = writeln!(text, "          add: [{}]", controls.runtime.capabilities.join(", "));
    }
    if let Some(memory) = controls.runtime.memory {
        let _ = write!(text, "      resources:\n        limits:\n          memory: {memory}\n");
    }
    volumes(&mut text, &controls.runtime.writable);
    text
}

fn volumes(text: &mut String, writable: &[WritablePath]) {
    if writable.is_empty() {
        return;
    }
    let names = || writable.iter().enumerate().map(|(index, path)| (format!("writable-{index}"), path));
    text.push_str("      volumeMounts:\n");
    for (name, path) in names() {
        let _ = write!(text, "        - name: {name}\n          mountPath: /{}\n", path.path);
    }
    text.push_str("  volumes:\n");
    for (name, path) in names() {
        let size = path.size;
        let _ =
            write!(text, "    - name: {name}\n      emptyDir:\n        medium: Memory\n        sizeLimit: {size}\n");
    }
}

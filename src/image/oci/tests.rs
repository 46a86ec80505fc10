//! The documents to the byte: whoever changes them changes every image's digest.

use std::collections::BTreeSet;

use super::*;
use crate::digest::ObjectId;
use crate::recipe::Runtime;

fn rootfs(config: ImageConfig) -> Rootfs {
    Rootfs {
        name: "jq".into(),
        tag: "1.8.1".into(),
        config,
        runtime: Runtime::default(),
        executables: BTreeSet::new(),
        nodes: BTreeMap::new(),
        layers: Vec::new(),
    }
}

fn layers() -> Vec<LayerSummary> {
    let outputs =
        ["gojq/bin", "jq/bin"].map(|output| Provenance { output: output.parse().unwrap(), version: "1.8.1".into() });
    let object = Origin::Object { id: ObjectId::from_bytes([3; 32]), outputs: outputs.into() };
    [object, Origin::Spec]
        .into_iter()
        .map(|origin| LayerSummary {
            digest: Sha256::from_bytes([1; 32]),
            diff_id: Sha256::from_bytes([2; 32]),
            size: 42,
            origin,
        })
        .collect()
}

fn platform(target: &str) -> Platform {
    Platform::of(&Target(target.into())).unwrap()
}

/// The bytes, with a line for each field.
fn text(document: &Document) -> String {
    assert_eq!(document.digest, Sha256::of(&document.bytes));
    String::from_utf8(document.bytes.clone())
        .unwrap()
        .replace(",\"", ",\n\"")
        .replace(&"01".repeat(32), "<ones>")
        .replace(&"02".repeat(32), "<twos>")
}

fn full_config() -> ImageConfig {
    let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    ImageConfig {
        entrypoint: vec!["/usr/bin/jq".into()],
        cmd: vec![".".into()],
        env: map(&[("PATH", "/usr/bin"), ("LANG", "C")]),
        user: Some("65532:65532".into()),
        workdir: Some("/".into()),
        labels: map(&[("org.opencontainers.image.licenses", "MIT"), ("team", "stone")]),
        ports: vec!["8080/tcp".into(), "53/udp".into()],
        stop_signal: Some("SIGTERM".into()),
        volumes: vec!["/data".into()],
    }
}

#[test]
fn the_configuration_says_what_the_spec_says_in_the_specifications_order() {
    let config = config(&rootfs(full_config()), platform("aarch64-linux-musl"), &layers());
    insta::assert_snapshot!(text(&config), @r#"
    {"created":"1980-01-01T00:00:00Z",
    "architecture":"arm64",
    "os":"linux",
    "config":{"User":"65532:65532",
    "ExposedPorts":{"53/udp":{},
    "8080/tcp":{}},
    "Env":["LANG=C",
    "PATH=/usr/bin"],
    "Entrypoint":["/usr/bin/jq"],
    "Cmd":["."],
    "Volumes":{"/data":{}},
    "WorkingDir":"/",
    "Labels":{"org.opencontainers.image.licenses":"MIT",
    "team":"stone"},
    "StopSignal":"SIGTERM"},
    "rootfs":{"type":"layers",
    "diff_ids":["sha256:<twos>",
    "sha256:<twos>"]},
    "history":[{"created":"1980-01-01T00:00:00Z",
    "created_by":"drystone: gojq/bin 1.8.1, jq/bin 1.8.1"},{"created":"1980-01-01T00:00:00Z",
    "created_by":"drystone: the image spec jq"}]}
    "#);
}

#[test]
fn what_the_spec_does_not_say_is_left_out() {
    let config = config(&rootfs(ImageConfig::default()), platform("x86_64-linux-musl"), &[]);
    insta::assert_snapshot!(text(&config), @r#"
    {"created":"1980-01-01T00:00:00Z",
    "architecture":"amd64",
    "os":"linux",
    "config":{},
    "rootfs":{"type":"layers",
    "diff_ids":[]},
    "history":[]}
    "#);
}

#[test]
fn the_manifest_names_every_layers_object_and_repeats_the_predefined_labels() {
    let rootfs = rootfs(full_config());
    let config = config(&rootfs, platform("x86_64-linux-musl"), &layers());
    insta::assert_snapshot!(text(&manifest(&rootfs, &config, &layers(), Compression::Gzip)), @r#"
    {"schemaVersion":2,
    "mediaType":"application/vnd.oci.image.manifest.v1+json",
    "config":{"mediaType":"application/vnd.oci.image.config.v1+json",
    "digest":"sha256:cc1808f9a5b7e38fef388d5c0760caf63d43158467fb85d7aa4f94f50d7ee47f",
    "size":717},
    "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip",
    "digest":"sha256:<ones>",
    "size":42,
    "annotations":{"io.drystone.object":"0303030303030303030303030303030303030303030303030303030303030303"}},{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip",
    "digest":"sha256:<ones>",
    "size":42}],
    "annotations":{"io.drystone.encoder":"libdeflate 1.26, levels 2 and 1 in turn, members of 512 KiB",
    "org.opencontainers.image.created":"1980-01-01T00:00:00Z",
    "org.opencontainers.image.licenses":"MIT",
    "org.opencontainers.image.title":"jq"}}
    "#);
    let zstd = manifest(&rootfs, &config, &layers(), Compression::Zstd);
    assert_eq!(text(&zstd).matches("application/vnd.oci.image.layer.v1.tar+zstd").count(), 2);
}

#[test]
fn the_index_gives_the_platform_and_the_tag() {
    let rootfs = rootfs(ImageConfig::default());
    let manifest = Document::of(&"manifest");
    insta::assert_snapshot!(text(&index(&rootfs, Entry::Manifest(&manifest, platform("x86_64-linux-musl")))), @r#"
    {"schemaVersion":2,
    "mediaType":"application/vnd.oci.image.index.v1+json",
    "manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",
    "digest":"sha256:6af63d73c1c48f3b42b6e926fb67507cfe1ca255e96c7cf120a1cea4d23622e4",
    "size":10,
    "annotations":{"org.opencontainers.image.ref.name":"1.8.1"},
    "platform":{"architecture":"amd64",
    "os":"linux"}}],
    "annotations":{"io.drystone.image":"jq"}}
    "#);
}

#[test]
fn an_image_for_several_platforms_is_an_index_that_says_what_its_manifests_have_in_common() {
    let labels = [("org.opencontainers.image.licenses".to_owned(), "MIT".to_owned())].into();
    let rootfs = rootfs(ImageConfig { labels, ..ImageConfig::default() });
    let manifests = [("one", "x86_64-linux-musl"), ("two", "aarch64-linux-musl")];
    let manifests = manifests.map(|(text, target)| (Document::of(&text), platform(target)));
    let several = platforms(&rootfs, manifests.iter().map(|(manifest, platform)| (manifest, *platform)));
    insta::assert_snapshot!(text(&several), @r#"
    {"schemaVersion":2,
    "mediaType":"application/vnd.oci.image.index.v1+json",
    "manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",
    "digest":"sha256:49e9fcfb5617aad332d56d58ffd0c7020d29ec1d0d0a03b7d7c47f268820acf3",
    "size":5,
    "platform":{"architecture":"amd64",
    "os":"linux"}},{"mediaType":"application/vnd.oci.image.manifest.v1+json",
    "digest":"sha256:b85d38dc71a8027700bebd3c30d39424852cf532883d88f0a0d992d3bf0eba9b",
    "size":5,
    "platform":{"architecture":"arm64",
    "os":"linux"}}],
    "annotations":{"org.opencontainers.image.created":"1980-01-01T00:00:00Z",
    "org.opencontainers.image.licenses":"MIT",
    "org.opencontainers.image.title":"jq"}}
    "#);
    let layout = text(&index(&rootfs, Entry::Index(&several)));
    let entry = format!(r#"[{{"mediaType":"{INDEX}","digest":"sha256:{}""#, several.digest);
    assert!(layout.replace('\n', "").contains(&entry), "{layout}");
    assert!(
        layout.contains(r#""org.opencontainers.image.ref.name":"1.8.1""#) && !layout.contains("platform"),
        "{layout}"
    );
}

#[test]
fn a_target_without_a_platform_is_refused() {
    let error = Platform::of(&Target("riscv64-linux-musl".into())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no image can be made for the target riscv64-linux-musl: its architecture must be x86_64 or aarch64"
    );
}

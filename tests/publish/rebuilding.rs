//! What was published is built again from its provenance: by whoever has the project's history and nothing else.

use insta::assert_snapshot;
use serde_json::Value;

use crate::real::{Kind, Real};
use crate::support::{Run, World};

const SPEC: &str = "name = \"acme/wall\"\ntag = \"1\"\ncomponents = [\"wall/data\"]\n\
    [[file]]\npath = \"/etc/motd\"\nsource = \"motd\"\n";

fn recipe(world: &World, text: &str) {
    world.recipe(
        "wall",
        &format!(
            "[build]\npreset = \"script\"\nscript = '''\nmkdir -p $OUT/usr/share/wall\n\
             echo {text} > $OUT/usr/share/wall/plan\n'''\n[components.data]\nfiles = [\"usr/share/wall/*\"]\n"
        ),
    );
}

fn git(world: &World, script: &str) -> String {
    let who = "export GIT_AUTHOR_NAME=Ann GIT_AUTHOR_EMAIL=ann@example.org GIT_COMMITTER_NAME=Ann \
               GIT_COMMITTER_EMAIL=ann@example.org GIT_CONFIG_NOSYSTEM=1";
    Run::of(&mut world.command_of("sh", &["-euc", &format!("{who}; {script}")])).succeeded().stdout
}

/// A project in a git repository whose top is somewhere, with an image that was made at its first revision.
fn begun(top: &str) -> World {
    let world = World::new();
    world.own_toolchains();
    recipe(&world, "stone");
    world.write("recipes/images/wall.toml", SPEC);
    world.write("recipes/images/motd", "hello\n");
    git(&world, &format!("git init -q -b main {top}; git add .; git commit -qm first; git tag first"));
    world.drystone(&["image", "build", "recipes/images/wall.toml", "-o", "../published"]).succeeded();
    world
}

/// The same, and two revisions behind the first.
fn history() -> World {
    let world = begun(".");
    world.write("recipes/images/motd", "good day\n");
    git(&world, "git commit -qam second");
    recipe(&world, "brick");
    git(&world, "git commit -qam third");
    world
}

fn digest(world: &World, layout: &str) -> String {
    let index = std::fs::read(world.path(layout).join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

/// A text without commits.
fn normal(world: &World, text: &str) -> String {
    let text = world.normal(text);
    let commit = |word: &str| word.len() == 40 && word.chars().all(|c| c.is_ascii_hexdigit());
    let word = |word: &str| if commit(word) { "COMMIT".to_owned() } else { word.to_owned() };
    text.lines().map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" ") + "\n").collect()
}

#[test]
fn the_revision_that_an_image_was_made_at_is_found_in_the_history() {
    let world = history();
    let before = git(&world, "git status --porcelain --branch; git rev-parse HEAD; git worktree list");
    let run = world.drystone(&["image", "rebuild", "../published", "-o", "../again", "--json"]).succeeded();
    let outcome: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(outcome["revision"], git(&world, "git rev-parse first").trim());
    assert_eq!((&outcome["same"], &outcome["published"]), (&Value::Bool(true), &outcome["rebuilt"]));
    assert_eq!(outcome["rebuilt"], digest(&world, "published"));
    assert_eq!(digest(&world, "again"), digest(&world, "published"));
    let evidence = ["published", "again"].map(|layout| world.path(layout).join("evidence/provenance.intoto.json"));
    let [one, other] = evidence.map(|file| std::fs::read(file).unwrap());
    assert_eq!(one, other, "the provenance of the same image is the same");
    let after = git(&world, "git status --porcelain --branch; git rev-parse HEAD; git worktree list");
    assert_eq!(before, after, "the repository is only read");
    // Where the files are as they were, no history is needed.
    git(&world, "git checkout -q first; rm -rf .git");
    let run = world.drystone(&["image", "rebuild", "oci:../published"]).succeeded();
    assert_snapshot!(normal(&world, &run.stdout), @"oci:../published: the same image, sha256:DIGEST");
    assert_snapshot!(normal(&world, &run.stderr), @r"
    the files of the provenance are those of PROJECT, as they are there
    image acme/wall: nothing to do, all is built (N ms)
    ");
}

/// As where a hook of another repository calls us.
#[test]
fn variables_that_lead_git_elsewhere_lead_nobody_astray() {
    let world = history();
    git(&world, "git init -q -b main ../other");
    let elsewhere = world.path("other/.git");
    let mut command = world.command(&["image", "rebuild", "../published"]);
    command.env("GIT_DIR", &elsewhere).env("GIT_INDEX_FILE", elsewhere.join("index"));
    command.env("GIT_WORK_TREE", world.path("other")).env("GIT_OBJECT_DIRECTORY", elsewhere.join("objects"));
    let run = Run::of(&mut command).succeeded();
    assert_eq!(normal(&world, &run.stdout), "../published: the same image, sha256:DIGEST\n");
}

#[test]
fn a_bare_repository_and_one_that_has_to_be_cloned_do_as_well() {
    let world = history();
    git(&world, "git clone -q --bare . ../bare.git");
    let away = |words: &[&str]| {
        let mut command = world.command(&[&["image", "rebuild"], words].concat());
        Run::of(command.current_dir(world.path("home")))
    };
    let run = away(&["../published", "--repository", "../bare.git"]).succeeded();
    assert_snapshot!(normal(&world, &run.stdout), @"../published: the same image, sha256:DIGEST");
    let url = format!("file://{}", world.path("bare.git").display());
    let run = away(&["../published", "--repository", &url]).succeeded();
    assert_snapshot!(normal(&world, &run.stderr), @r"
    the files of the provenance are those of the revision COMMIT of file://WORLD/bare.git
    image acme/wall: nothing to do, all is built (N ms)
    ");
}

#[test]
fn files_that_are_in_no_revision_are_named() {
    let world = history();
    let provenance = world.path("published/evidence/provenance.intoto.json");
    let text = std::fs::read_to_string(&provenance).unwrap();
    git(&world, "git checkout -q first");
    let recipe = std::fs::read(world.path("project/recipes/wall.toml")).unwrap();
    let other = drystone::digest::Sha256::of(b"another recipe").to_string();
    let own = drystone::digest::Sha256::of(&recipe).to_string();
    assert!(text.contains(&own));
    std::fs::write(&provenance, text.replace(&own, &other)).unwrap();
    let run = world.drystone(&["image", "rebuild", "../published"]).ended(1);
    assert_snapshot!(normal(&world, &run.stderr), @r"
    error: PROJECT: no revision has all files that the image was made from; now, these differ:
      recipes/wall.toml
    hint: 3 revisions were looked at; if it is in none of the branches here, fetch the others
    ");
    git(&world, "rm -rf .git");
    let run = world.drystone(&["image", "rebuild", "../published"]).ended(1);
    assert_snapshot!(normal(&world, &run.stderr), @r"
    error: PROJECT has other files than those that the image was made from:
      recipes/wall.toml
    hint: name a git repository with --repository, and its history is searched for them
    ");
    std::fs::remove_file(&provenance).unwrap();
    let run = world.drystone(&["image", "rebuild", "../published"]).ended(2);
    assert_snapshot!(normal(&world, &run.stderr), @r"
    error: there is no provenance beside ../published
    hint: an image that drystone has built has its provenance in evidence/, or as a referrer in the registry
    ");
    let run = world.drystone(&["image", "rebuild", "../nowhere"]).ended(2);
    assert_snapshot!(normal(&world, &run.stderr), @r"
    error: ../nowhere is not there, and no image of a registry: `../nowhere` names no image in a registry: its host is made of letters, digits, `-` and `.`
    hint: name a directory, or HOST/REPO:TAG
    ");
}

#[test]
fn another_image_is_told_by_its_layers_and_files() {
    let world = history();
    // Somebody publishes another image, and says that it was made of the first revision.
    world.drystone(&["image", "build", "recipes/images/wall.toml", "-o", "../other"]).succeeded();
    let provenance = |layout: &str| world.path(layout).join("evidence/provenance.intoto.json");
    let lie = std::fs::read_to_string(provenance("published")).unwrap();
    let lie = lie.replace(
        digest(&world, "published").trim_start_matches("sha256:"),
        digest(&world, "other").trim_start_matches("sha256:"),
    );
    std::fs::write(provenance("other"), lie).unwrap();
    let run = world.drystone(&["image", "rebuild", "../other"]).ended(1);
    assert_snapshot!(normal(&world, &run.stdout), @r"
    ../other: another image: sha256:DIGEST → sha256:DIGEST

    linux/amd64: sha256:DIGEST → sha256:DIGEST
      layer 1 (wall/data 1): sha256:DIGEST → sha256:DIGEST
      layer 2 (the spec): sha256:DIGEST → sha256:DIGEST
    --- published sha256:DIGEST
    +++ rebuilt sha256:DIGEST

    the spec
      ~ /etc/motd  9 → 6 bytes (-3)

    wall/data 1
      ~ /usr/share/wall/plan  other content of 6 bytes

    0 added, 0 removed, 2 changed; -3 bytes
    ");
    let run = world.drystone(&["image", "rebuild", "../other", "--json"]).ended(1);
    let outcome: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(outcome["same"], false);
    assert_eq!(outcome["platforms"][0]["layers"].as_array().unwrap().len(), 2);
    assert_eq!(outcome["platforms"][0]["difference"]["summary"]["changed"], 2);
}

#[test]
fn an_image_in_a_registry_brings_its_provenance_along() {
    let Some(real) = Real::start(&Kind::Open) else { return };
    let world = history();
    let reference = format!("{}/acme/wall:1", real.address);
    world.drystone(&["image", "push", "../published", &reference, "--plain-http"]).succeeded();
    let run = world.drystone(&["image", "rebuild", &reference, "--plain-http"]).succeeded();
    assert_eq!(run.stdout, format!("{reference}: the same image, {}\n", digest(&world, "published")));
}

#[test]
fn a_revision_beside_the_one_that_is_checked_out_is_found_and_one_of_which_a_merge_took_nothing() {
    let world = history();
    git(
        &world,
        "git checkout -q -b side first; echo good evening > recipes/images/motd; git commit -qam side; git tag side-1",
    );
    world.drystone(&["image", "build", "recipes/images/wall.toml", "-o", "../side"]).succeeded();
    git(&world, "git checkout -q main");
    let revision = || {
        let run = world.drystone(&["image", "rebuild", "../side", "--json"]).succeeded();
        serde_json::from_str::<Value>(&run.stdout).unwrap()["revision"].clone()
    };
    let side = git(&world, "git rev-parse side-1^{commit}; git tag -d side-1 > /dev/null");
    assert_eq!(revision(), side.trim());
    git(&world, "git merge -q -s ours -m merged side; git branch -q -D side");
    assert_eq!(revision(), side.trim());
}

#[test]
fn a_project_below_the_top_of_its_repository_is_found() {
    let world = begun("..");
    recipe(&world, "brick");
    git(&world, "git commit -qam second");
    let run = world.drystone(&["image", "rebuild", "../published", "--json"]).succeeded();
    let outcome: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(outcome["revision"], git(&world, "git rev-parse first").trim());
}

#[test]
fn what_git_replace_puts_in_the_place_of_a_file_does_not_count() {
    let world = history();
    git(&world, "git replace first:recipes/images/motd main:recipes/images/motd");
    let run = world.drystone(&["image", "rebuild", "../published"]).succeeded();
    assert_eq!(normal(&world, &run.stdout), "../published: the same image, sha256:DIGEST\n");
}

#[test]
fn a_revision_that_git_unpacks_to_other_files_is_not_built() {
    let world = history();
    world.write("recipes/images/.gitattributes", "motd text eol=crlf\n");
    world.write("recipes/images/motd", "good evening\n");
    git(&world, "git add .; git commit -qm fourth");
    world.drystone(&["image", "build", "recipes/images/wall.toml", "-o", "../converted"]).succeeded();
    world.write("recipes/images/motd", "good night\n");
    git(&world, "git commit -qam fifth");
    let run = world.drystone(&["image", "rebuild", "../converted"]).ended(1);
    assert_snapshot!(normal(&world, run.error()), @r"
    error: the revision COMMIT unpacks to other files than it holds:
      recipes/images/motd
    hint: check it out by hand, and name the directory with --repository
    ");
}

#[test]
fn an_image_is_compressed_as_it_was_and_its_builder_is_the_same() {
    let world = history();
    let words = ["--compression", "zstd", "--builder-id", "https://acme.example/builders/1"];
    world
        .drystone(&[&["image", "build", "recipes/images/wall.toml", "-o", "../ours"], &words[..]].concat())
        .succeeded();
    let run = world.drystone(&["image", "rebuild", "../ours", "-o", "../again"]).succeeded();
    assert_eq!(normal(&world, &run.stdout), "../ours: the same image, sha256:DIGEST\n");
    let evidence = ["ours", "again"].map(|layout| world.path(layout).join("evidence/provenance.intoto.json"));
    let [one, other] = evidence.map(|file| std::fs::read_to_string(file).unwrap());
    assert_eq!(one, other);
}

#[test]
fn another_version_of_the_sandbox_is_named_where_another_image_comes_out() {
    let world = history();
    world.drystone(&["image", "build", "recipes/images/wall.toml", "-o", "../other"]).succeeded();
    let provenance = |layout: &str| world.path(layout).join("evidence/provenance.intoto.json");
    // Made of the first revision, it says, by a drystone of long ago.
    let mut lie: Value = serde_json::from_slice(&std::fs::read(provenance("published")).unwrap()).unwrap();
    lie["subject"] =
        serde_json::from_slice::<Value>(&std::fs::read(provenance("other")).unwrap()).unwrap()["subject"].clone();
    let sandbox = &mut lie["predicate"]["buildDefinition"]["internalParameters"]["sandbox"];
    let now = std::mem::replace(sandbox, "0".into());
    std::fs::write(provenance("other"), lie.to_string()).unwrap();
    let run = world.drystone(&["image", "rebuild", "../other"]).ended(1);
    let line = format!("\n  version of the sandbox: 0 → {}\n", now.as_str().unwrap());
    assert!(run.stdout.contains(&line), "{}", run.stdout);
}

#[test]
fn a_target_or_a_compression_of_another_drystone_is_named() {
    let world = history();
    let place = world.path("published/evidence/provenance.intoto.json");
    let own: Value = serde_json::from_slice(&std::fs::read(&place).unwrap()).unwrap();
    for (field, what, value) in
        [("targets", "target", Value::from(vec!["vax-linux-musl"])), ("compression", "compression", "brotli".into())]
    {
        let mut other = own.clone();
        other["predicate"]["buildDefinition"]["externalParameters"][field] = value;
        std::fs::write(&place, other.to_string()).unwrap();
        let said = format!("error: the provenance names a {what} that this drystone does not know: ");
        world.drystone(&["image", "rebuild", "../published"]).ended(2).says(&said);
    }
}

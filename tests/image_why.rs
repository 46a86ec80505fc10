//! Why a path is in an image: the chain from the spec to the sources, of a spec and of an image made of it.

mod support;

use insta::assert_snapshot;
use serde_json::{Value, json};
use support::{Run, World};

const SPEC: &str = r#"# A wall.
name = "wall"
components = [
  "wall/data",
]
config = { workdir = "/srv" }

[[user]]
name = "mason"
uid = 1000

[[file]]
path = "/etc/wall/motd"
content = "hello\n"

[[link]]
path = "/plans"
target = "/usr/share/wall"

[[runtime.writable]]
path = "/run/wall"
size = "1 MiB"
"#;

/// `wall/data` needs `mortar/data` at run time, which comes from an archive.
fn project() -> World {
    let world = World::new();
    let source = world.source("mortar", &[("lime", "lime\n"), ("sand", "sand\n")]);
    world.recipe(
        "mortar",
        &format!(
            "{source}[build]\npreset = \"script\"\nscript = '''\nmkdir -p $OUT/usr/share/mortar\n\
             cp lime sand $OUT/usr/share/mortar\n'''\n[components.data]\nfiles = [\"usr/share/mortar/*\"]\n"
        ),
    );
    world.recipe(
        "wall",
        "[build]\npreset = \"script\"\nscript = '''\nmkdir -p $OUT/usr/share/wall\necho plan > $OUT/usr/share/wall/plan\n\
         ln -s plan $OUT/usr/share/wall/current\n'''\n[components.data]\nfiles = [\"usr/share/wall/*\"]\n\
         runtime = [\"mortar/data\"]\n",
    );
    world.write("images/wall.toml", SPEC);
    world
}

fn why(world: &World, image: &str, path: &str) -> Run {
    let run = world.drystone(&["image", "why", image, path]);
    Run { code: run.code, stdout: world.normal(&run.stdout), stderr: world.normal(&run.stderr) }
}

#[test]
fn of_a_spec_everything_is_known_once_it_is_built() {
    let world = project();
    let run = why(&world, "images/wall.toml", "/plans/current").ended(2);
    assert_snapshot!(run.error(), @r"
    error: what images/wall.toml takes is not built: mortar is missing
    hint: build it first: drystone build mortar
    ");
    world.drystone(&["build", "wall"]).succeeded();
    let of = |path: &str| why(&world, "images/wall.toml", path).succeeded().stdout;
    assert_snapshot!("why-named", of("/plans/current"));
    assert_snapshot!("why-needed", of("/usr/share/mortar/lime"));
    let own: Vec<String> = ["/etc/wall", "/etc/passwd", "/plans/", "/srv", "/run/wall", "/run"]
        .into_iter()
        .map(|path| of(path).lines().filter(|line| line.contains("because")).collect::<String>())
        .collect();
    assert_snapshot!(own.join("\n"), @r"
      because  images/wall.toml:13 brings it, as a [[file]] or above one
      because  images/wall.toml:8 declares the users and groups that it lists
      because  images/wall.toml:4 names wall/data
      because  images/wall.toml:6 makes it the working directory, or what lies above that
      because  images/wall.toml:21 makes it writable, so that it must be there to be mounted on
      because  images/wall.toml:21 makes it writable, so that it must be there to be mounted on
    ");
    let json = world.drystone(&["image", "why", "images/wall.toml", "/usr/share/mortar/lime", "--json"]).succeeded();
    let answer: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(answer["because"][1], "wall/data needs mortar/data at run time");
    assert_eq!(answer["is"]["sha256"], drystone::digest::Sha256::of(b"lime\n").to_string());
}

#[test]
fn a_path_that_is_not_there_gets_the_nearest() {
    let world = project();
    world.drystone(&["build", "wall"]).succeeded();
    let of = |path: &str| why(&world, "images/wall.toml", path).ended(2).error().to_owned();
    assert_snapshot!(of("/usr/share/mortar/limes"), @r"
    error: /usr/share/mortar/limes is not in the image of images/wall.toml
    hint: did you mean /usr/share/mortar/lime?
    ");
    assert_snapshot!(of("/bin/sand"), @r"
    error: /bin/sand is not in the image of images/wall.toml
    hint: did you mean /usr/share/mortar/sand?
    ");
    assert_snapshot!(of("/plans/none"), @r"
    error: /plans/none leads nowhere in the image of images/wall.toml: over /plans → /usr/share/wall
    hint: nothing there has a similar name
    ");
}

#[test]
fn of_an_image_what_its_layers_and_the_project_say() {
    let world = project();
    let layout = world.path("layout").display().to_string();
    world.drystone(&["image", "build", "images/wall.toml", "-o", &layout]).succeeded();
    assert_snapshot!("why-image", why(&world, &layout, "/plans/current").succeeded().stdout);
    // Where the project is not, what the image itself says is left.
    let mut command = world.command(&["image", "why", &layout, "/usr/share/mortar/lime"]);
    let away = Run::of(command.current_dir(world.path("home"))).succeeded();
    assert_snapshot!("why-image-away", world.normal(&away.stdout));
    // A recipe that is another by now is not taken for the one that was built.
    let recipe = std::fs::read_to_string(world.path("project/recipes/mortar.toml")).unwrap();
    world.write("recipes/mortar.toml", &recipe.replace("version = \"1\"", "version = \"2\""));
    let run = why(&world, &layout, "/usr/share/mortar/lime").succeeded();
    assert!(run.stdout.contains("recipes/mortar.toml says 2, the image has 1"), "{}", run.stdout);
}

/// Provenance of an image, as far as it is looked at.
fn provenance(manifest: &str, spec: &str) -> String {
    let digest = drystone::digest::Sha256::of(spec.as_bytes()).to_string();
    let source = json!({
        "digest": { "sha256": "0".repeat(64) },
        "annotations": { "kind": "source", "recipe": "mortar", "locations": ["https://mortar.example/1.tar"] },
    });
    let definition = json!({
        "externalParameters": { "spec": { "name": "images/wall.toml", "digest": { "sha256": digest } } },
        "resolvedDependencies": [source],
    });
    let subject = json!([{ "name": "wall", "digest": { "sha256": manifest.replace("sha256:", "") } }]);
    json!({ "subject": subject, "predicate": { "buildDefinition": definition } }).to_string()
}

#[test]
fn the_provenance_beside_an_image_tells_its_spec_and_sources() {
    let world = project();
    let layout = world.path("layout");
    let place = layout.display().to_string();
    let words = ["image", "build", "images/wall.toml", "-o", &place];
    let manifest = world.drystone(&words).succeeded().stdout.trim().to_owned();
    std::fs::create_dir_all(layout.join("evidence")).unwrap();
    let evidence = |text: String| std::fs::write(layout.join("evidence/provenance.intoto.json"), text).unwrap();
    evidence(provenance(&manifest, SPEC));
    let run = why(&world, &place, "/usr/share/mortar/lime").succeeded();
    let lines: Vec<_> = run.stdout.lines().filter(|line| line.contains("wall")).collect();
    assert_snapshot!(lines.join("\n"), @r"
      because  images/wall.toml:4 names wall/data
               wall/data needs mortar/data at run time
    ");
    assert!(!run.stdout.contains("unknown"), "{}", run.stdout);
    let away = Run::of(world.command(&["image", "why", &place, "/usr/share/mortar/lime"]).current_dir("/")).succeeded();
    assert!(away.stdout.contains("https://mortar.example/1.tar"), "{}", away.stdout);
    evidence(provenance(&manifest, "another text"));
    let run = why(&world, &place, "/usr/share/mortar/lime").succeeded();
    assert!(run.stdout.contains("images/wall.toml is not as it was when the image was built"), "{}", run.stdout);
    evidence(provenance("sha256:00", SPEC));
    let run = why(&world, &place, "/usr/share/mortar/lime").succeeded();
    assert!(run.stdout.contains("evidence/provenance.intoto.json is of another image"), "{}", run.stdout);
}

#[test]
fn of_an_image_of_others_what_there_is() {
    let world = World::bare();
    let root = world.path("root");
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::write(root.join("etc/motd"), "hello").unwrap();
    std::fs::set_permissions(root.join("etc/motd"), std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let run = why(&world, root.to_str().unwrap(), "etc/motd").succeeded();
    let owner = format!("owner {}:{}", rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    assert_snapshot!(run.stdout.replace(&owner, "owner US"), @r"
    etc/motd in WORLD/root
      is       /etc/motd, a file of 5 B, mode 0640, owner US
               sha256:DIGEST
      unknown  a directory says of none of its files where it is from
    ");
}

//! `drystone audit`.

mod first;
mod image;
mod room;
mod row;
mod second;

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::args::{Audit as Args, Common};
use super::failure::Failure;
use super::project::Project;
use super::scope::recipes_of;
use super::show;
use crate::audit::{Axes, Axis};
use crate::builder::BuildError;
use crate::plan::{Node, NodeId, Plan};
use crate::recipe::RecipeName;
use room::Room;
use row::{Row, print};

/// Audits recipes and images.
pub fn run(common: &Common, args: &Args) -> Result<(), Failure> {
    let project = Project::open(common)?;
    // A lock that cannot be read is said before the first build, not after it.
    project.lock_for(&args.running)?;
    let wanted = wanted(&project, args)?;
    let room = Room::open(&project, args)?;
    let axes = axes(args, &room);
    let plan = Plan::untested(&project.catalog, &project.target, &wanted)?;
    let audited = audited(&plan, args, &wanted);
    let first = first::build(&project, &plan, &room, args)?;
    let mut rows = second::rebuild_all(&project, &plan, &room, &first, &audited, &axes, args)?;
    let specs = if args.all && args.image.is_empty() { project.image_specs()? } else { args.image.clone() };
    for spec in &specs {
        rows.push(image::audit(&project, &room, spec, args)?);
    }
    print(&rows, args.json);
    room.close()?;
    if args.diffoscope {
        diffoscope(&rows)?;
    }
    verdict(&rows, first.failures)
}

/// The recipes that are built.
fn wanted(project: &Project, args: &Args) -> Result<Vec<RecipeName>, Failure> {
    let mut wanted: BTreeSet<RecipeName> = args.names.iter().cloned().collect();
    if args.all {
        wanted.extend(project.catalog.recipes_for(&project.target));
    }
    for spec in &args.image {
        wanted.extend(recipes_of(project, &project.catalog.load_image_spec(spec)?)?);
    }
    Ok(wanted.into_iter().collect())
}

/// The nodes that are built twice: what was named, or that and all that it is made with.
fn audited(plan: &Plan<'_>, args: &Args, wanted: &[RecipeName]) -> Vec<NodeId> {
    let named: BTreeSet<NodeId> = wanted.iter().filter_map(|name| plan.build_of(name)).collect();
    let whole = args.all || args.closure;
    let is_build = |id: &&NodeId| !matches!(plan.node(**id), Node::Test(..));
    plan.order().iter().filter(is_build).filter(|id| whole || named.contains(id)).copied().collect()
}

/// What varies: what was asked for, as far as this machine can.
fn axes(args: &Args, room: &Room) -> Axes {
    let asked: Axes = match args.vary.as_slice() {
        [] => Axis::ALL.into_iter().filter(|axis| !args.without.contains(axis)).collect(),
        some => some.iter().copied().collect(),
    };
    let mut axes = asked.clone();
    if !room.has_other_file_system() && axes.remove(&Axis::FileSystem) {
        show::say(format_args!(
            "note: the file system does not vary: name a directory on another one with --other-file-system"
        ));
    }
    if std::thread::available_parallelism().map_or(1, usize::from) == 1 && axes.remove(&Axis::Cpus) {
        show::say(format_args!("note: the number of processors does not vary: there is one"));
    }
    axes
}

/// Hands both trees of everything that differs to the real diffoscope.
fn diffoscope(rows: &[Row]) -> Result<(), Failure> {
    for (one, other) in rows.iter().flat_map(Row::trees) {
        let mut command = std::process::Command::new("diffoscope");
        let status = command.arg("--exclude-directory-metadata=yes").arg(&one).arg(&other).status();
        status.map_err(|error| {
            let hint = "install it: on Debian, apt-get install diffoscope".to_owned();
            Failure::user(format!("cannot run diffoscope: {error}"), hint)
        })?;
    }
    Ok(())
}

fn verdict(rows: &[Row], failures: Vec<BuildError>) -> Result<(), Failure> {
    let bad = rows.iter().filter(|row| !row.is_good()).count();
    let summary = || Failure::faults(vec![format!("{bad} of {} are not what they must be", rows.len())], Vec::new());
    match (failures.is_empty(), bad) {
        (true, 0) => Ok(()),
        (true, _) => Err(summary()),
        (false, 0) => Err(Failure::several(failures)),
        (false, _) => Err(Failure::several(failures).and(summary())),
    }
}

/// A pair of directories to compare.
type Pair = (PathBuf, PathBuf);

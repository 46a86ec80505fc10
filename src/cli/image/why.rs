//! `drystone image why`.
//!
//! Of a spec everything is known: it is composed as `image build` would, without writing anything. Of an image that
//! was written, what its layers and the evidence beside it say is shown, and what the project here knows of that.

mod answer;
mod image;
mod origin;
mod spec;

use std::cell::RefCell;
use std::path::Path;

use answer::{Answer, Link};

use crate::cli::args::{Common, ImageWhy};
use crate::cli::failure::Failure;
use crate::cli::show::escaped;
use crate::path::{RelPath, Step, resolve};
use crate::recipe::nearest;

/// Says why a path is there.
pub fn run(common: &Common, args: &ImageWhy) -> Result<(), Failure> {
    let file = Path::new(&args.image);
    let is_spec = file.extension().is_some_and(|kind| kind == "toml") && !file.is_dir();
    let answer = if is_spec { spec::answer(common, file, &args.path)? } else { image::answer(common, args)? };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer).expect("this is plain data"));
    } else {
        print(&answer);
    }
    Ok(())
}

fn print(answer: &Answer) {
    answer.lines().iter().for_each(|line| println!("{}", escaped(line)));
}

/// Follows a path through links, step by step.
///
/// # Errors
/// When it leads nowhere: with the names that may have been meant.
fn follow<'a>(
    image: &str,
    path: &str,
    step: impl Fn(&RelPath) -> Option<Step<'a>>,
    all: impl Iterator<Item = &'a RelPath> + Clone,
) -> Result<(RelPath, Vec<Link>), Failure> {
    let links = RefCell::new(Vec::new());
    let noting = |path: &RelPath| {
        let found = step(path);
        if let Some(Step::Link(target)) = found {
            links.borrow_mut().push(Link { path: format!("/{path}"), target: target.to_owned() });
        }
        found
    };
    let absolute = format!("/{}", path.trim_matches('/'));
    let found = resolve(&absolute, noting);
    let links = links.into_inner();
    found.map(|path| (path, links.clone())).ok_or_else(|| nowhere(image, &absolute, &links, all))
}

fn nowhere<'a>(image: &str, path: &str, links: &[Link], all: impl Iterator<Item = &'a RelPath> + Clone) -> Failure {
    let over = links.iter().map(|link| format!("{} → {}", link.path, link.target)).collect::<Vec<_>>().join(", ");
    let message = match over.is_empty() {
        true => format!("{path} is not in {image}"),
        false => format!("{path} leads nowhere in {image}: over {over}"),
    };
    let wanted = path.trim_start_matches('/');
    let (above, name) = wanted.rsplit_once('/').unwrap_or(("", wanted));
    // The right name in the wrong directory comes before a slip of the finger.
    let names = match all.clone().any(|known| known.file_name() == name) {
        true => vec![name],
        false => nearest(name, all.clone().map(RelPath::file_name)),
    };
    let mut near: Vec<&RelPath> = all.filter(|known| names.contains(&known.file_name())).collect();
    near.sort_by_key(|known| known.parent().is_none_or(|parent| parent.as_str() != above));
    near.truncate(3);
    let near: Vec<_> = near.iter().map(|path| format!("/{path}")).collect();
    let hint = match near.is_empty() {
        true => "nothing there has a similar name".to_owned(),
        false => format!("did you mean {}?", near.join(" or ")),
    };
    Failure::user(escaped(&message), escaped(&hint))
}

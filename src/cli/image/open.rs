//! Where the verbs get an image that exists: the one place that knows which images there are to read.

use crate::cli::args::{Common, Reading};
use crate::cli::failure::Failure;
use crate::image::read::{self, Contents, Limits, Platform, Source};
use crate::recipe::Target;

/// Reads an image. `examine` gets each distinct content of its files once.
pub fn open<T: Send + Sync>(
    common: &Common,
    reading: &Reading,
    image: &str,
    examine: &(dyn Fn(&[u8]) -> T + Sync),
) -> Result<Contents<T>, Failure> {
    let platform = match &reading.platform {
        Some(platform) => platform.clone(),
        None => of_target(&common.target_or_host())?,
    };
    Ok(read::contents(&Source::find(image)?, &platform, Limits::default(), examine)?)
}

/// What a target's programs run on.
fn of_target(target: &Target) -> Result<Platform, Failure> {
    let architecture = target.architecture().ok_or_else(|| {
        let message = format!("no platform is known for the target {target}");
        Failure::user(message, "say which with --platform, such as linux/arm64".to_owned())
    })?;
    Ok(Platform { os: "linux".to_owned(), architecture: architecture.to_owned(), variant: None })
}

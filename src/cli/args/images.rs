//! The command lines of the verbs that read images.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::image::read::Platform;
use crate::recipe::Date;

/// Which image of one that is made for several platforms.
#[derive(Debug, Args)]
pub struct Reading {
    /// Of an image for several platforms, the one for this [default: what --target runs on]
    #[arg(long, value_name = "OS/ARCH")]
    pub platform: Option<Platform>,
}

/// Judge an image, whoever made it; the exit code is 1 when it breaks a rule
#[derive(Debug, Args)]
#[command(after_help = "\
IMAGE is an OCI layout (a directory or its archive; LAYOUT:TAG where it holds several images), what
`docker save` writes, or a root file system as a directory. Without a policy the strictest one
counts: nothing is executable but the entry point.

Examples:
  drystone image check out/jq --spec recipes/images/jq.toml
  drystone image check alpine.tar                    what `docker save alpine` wrote
  drystone image check rootfs/ --policy policies/production.toml
  drystone image check out/jq --format sarif -o jq.sarif")]
pub struct ImageCheck {
    /// The image
    pub image: String,
    /// The rules, as a file of their own
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// An image spec: its policy, the executables that it names, and its run-time controls
    #[arg(long, value_name = "SPEC")]
    pub spec: Option<PathBuf>,
    /// The form of the report
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub format: ReportFormat,
    /// Write the report to a file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Judge waivers as on this day [default: today]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date)]
    pub today: Option<Date>,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people
    Table,
    /// For machines
    Json,
    /// For code scanners
    Sarif,
}

/// Show what an image is: its configuration, layers, components, and the evidence beside it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  drystone image inspect out/jq
  drystone image inspect alpine.tar --json | jq .layers")]
pub struct ImageInspect {
    /// The image: a layout (or LAYOUT:TAG), an archive, or a directory
    pub image: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub reading: Reading,
}

/// Write a page that shows what is in an image and why: files, components, findings, hardening, sources
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  drystone image report out/jq -o jq.html
  drystone image report alpine.tar -o alpine.html     an image of others, by the strict defaults")]
pub struct ImageReport {
    /// The image: a layout (or LAYOUT:TAG), an archive, or a directory
    pub image: String,
    /// Where the page is written
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    #[command(flatten)]
    pub reading: Reading,
}

/// Show which files of which component differ between two images; the exit code is 1 when any do
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  drystone image diff out/jq-1.8.1 out/jq-1.8.2
  drystone image diff out/jq jq.tar                  a copy that must be the same
  drystone image diff old/ new/ --json")]
pub struct ImageDiff {
    /// The image before: a layout (or LAYOUT:TAG), an archive, or a directory
    pub before: String,
    /// The image after
    pub after: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub reading: Reading,
}

/// Show why a path is in an image: the chain from the spec over component and recipe to the sources
#[derive(Debug, Args)]
#[command(after_help = "\
IMAGE is an image spec, whose components must be built, or an image that was made of one.

Examples:
  drystone image why recipes/images/curl.toml /etc/ssl/cert.pem
  drystone image why out/curl /usr/bin/curl")]
pub struct ImageWhy {
    /// An image spec, or an image
    pub image: String,
    /// The path in the image
    pub path: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub reading: Reading,
}

/// A day of the calendar.
fn date(text: &str) -> Result<Date, String> {
    let wrong = || "a day is written YYYY-MM-DD, such as 2030-12-31".to_owned();
    // The length first: RFC 3339 allows nothing shorter, but what follows would be taken for the time.
    if text.len() != 10 || humantime::parse_rfc3339(&format!("{text}T00:00:00Z")).is_err() {
        return Err(wrong());
    }
    let part = |range: std::ops::Range<usize>| text[range].parse::<u16>().map_err(|_| wrong());
    let narrow = |number: u16| u8::try_from(number).map_err(|_| wrong());
    Ok(Date { year: part(0..4)?, month: narrow(part(5..7)?)?, day: narrow(part(8..10)?)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_of_the_calendar() {
        assert_eq!(date("2028-02-29"), Ok(Date { year: 2028, month: 2, day: 29 }));
        for wrong in ["2027-02-29", "2027-13-01", "2027-1-1", "27-01-01", "2027-01-01T00:00:00Z", "heute", "２０２７"]
        {
            assert!(date(wrong).is_err(), "{wrong}");
        }
    }
}

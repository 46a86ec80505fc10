//! Whether a build gives the same bits in worlds that differ, and if not, why.
//!
//! A build that was carried out as the contract says is carried out again with everything else that a machine could
//! bring: one processor instead of all, another host name, clock, user, file system ([`Axis`]). The sandbox hides most
//! of it; here it is shown, so that an output which is the same does not depend on the sandbox's hiding it. When the
//! outputs differ, the cause is looked for by rebuilding with ever fewer of the variations ([`search`]), until the
//! one that matters is left ([`Cause`]); what it did to the files is told by [`changes`].
//!
//! Knows nothing of who asked, or of how it is shown.

mod axis;
mod bisect;
mod cause;
mod content;
mod world;

pub use axis::{Axes, Axis};
pub use bisect::search;
pub use cause::{Cause, Diagnosis, Lab, diagnose, is_the_builds_own, now};
pub use content::{Change, ChangeKind, changes};
pub use world::{Ends, world};

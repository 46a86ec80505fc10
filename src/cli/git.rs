//! git, asked of the repository that is named to it and of no other.

use std::process::Command;

/// What would make git look into another repository than the one at the place that it is given. Set where a hook runs,
/// among others (git(1), "The Git Repository"). Settings for git's configuration are the user's, and stay.
const ELSEWHERE: [&str; 11] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
];

/// git, without words yet. Objects are those that their hashes name: `git replace` has no effect.
pub fn git() -> Command {
    let mut command = Command::new("git");
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    command.env("GIT_NO_REPLACE_OBJECTS", "1");
    command
}

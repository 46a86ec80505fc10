//! Which of many variations matters, with few trials. Pure: what a trial is, is for the caller.

use super::{Axes, Axis};

/// Finds a smallest set of axes that makes a difference by itself. All of `axes` together are known to make one, and
/// none of them none. `differs` is asked once for a set.
///
/// One that matters alone is found with about log2(n) trials, as long as more variations never hide what fewer show:
/// the shortest beginning of the list that makes a difference ends with one that matters, and what it needs beside
/// itself stands before it.
///
/// # Errors
/// Those of `differs`.
pub fn search<E>(axes: &Axes, mut differs: impl FnMut(&Axes) -> Result<bool, E>) -> Result<Axes, E> {
    let mut needed = Axes::new();
    let mut pool: Vec<Axis> = axes.iter().copied().collect();
    loop {
        // The first `low` of the pool make no difference beside what is needed, the first `high` do.
        let (mut low, mut high) = (0, pool.len());
        while high - low > 1 {
            let middle = low.midpoint(high);
            let tried = needed.iter().chain(&pool[..middle]).copied().collect();
            if differs(&tried)? { high = middle } else { low = middle }
        }
        if high == 0 {
            return Ok(needed);
        }
        needed.insert(pool[high - 1]);
        pool.truncate(high - 1);
        if pool.is_empty() || differs(&needed)? {
            return Ok(needed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Searches where sets that hold all of `guilty` make a difference; gives what was found, and the trials.
    fn hunt(guilty: &[Axis]) -> (Axes, usize) {
        let mut trials = 0;
        let found = search(&Axis::ALL.into_iter().collect(), |axes| {
            trials += 1;
            Ok::<_, Infallible>(guilty.iter().all(|axis| axes.contains(axis)))
        });
        let Ok(found) = found;
        (found, trials)
    }

    #[test]
    fn each_axis_is_found_when_it_alone_matters() {
        for axis in Axis::ALL {
            let (found, trials) = hunt(&[axis]);
            assert_eq!(found, Axes::from([axis]));
            assert!(trials <= 6, "{axis}: {trials} trials");
        }
    }

    #[test]
    fn what_matters_only_together_is_found_together() {
        for (one, other) in [(Axis::Clock, Axis::TimeZone), (Axis::Jobs, Axis::Cpus), (Axis::Place, Axis::FileSystem)] {
            let (found, trials) = hunt(&[one, other]);
            assert_eq!(found, Axes::from([one, other]));
            assert!(trials <= 12, "{trials} trials");
        }
        assert_eq!(hunt(&[Axis::Clock, Axis::User, Axis::Umask]).0.len(), 3);
    }
}

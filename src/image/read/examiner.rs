//! Files' bytes on their way through: each distinct content is examined once, by whichever thread is free. Knows
//! nothing of what is made of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::Scope;

use crate::digest::Sha256;

/// How many bytes may wait to be examined. Beyond that, whoever reads examines as well, and so reads no further.
const WAITING: u64 = 256 << 20;

/// What is made of a file's bytes.
pub type Examine<'e, T> = &'e (dyn Fn(&[u8]) -> T + Sync);

/// What came of a file, once it is there: its digest, and what was made of its bytes.
pub(super) type Examined<T> = Arc<OnceLock<(Sha256, Arc<T>)>>;

/// Has files examined.
pub(super) struct Examiner<'e, T> {
    examine: Examine<'e, T>,
    known: Mutex<HashMap<Sha256, Arc<T>>>,
    waiting: AtomicU64,
}

impl<'e, T: Send + Sync + 'e> Examiner<'e, T> {
    pub fn new(examine: Examine<'e, T>) -> Self {
        Self { examine, known: Mutex::default(), waiting: AtomicU64::new(0) }
    }

    /// Has a file examined before the scope ends.
    pub fn submit<'s>(&'s self, scope: &Scope<'s>, bytes: Vec<u8>) -> Examined<T> {
        let (slot, length) = (Examined::<T>::default(), bytes.len() as u64);
        if self.waiting.fetch_add(length, Ordering::Relaxed) > WAITING {
            self.fill(&slot, &bytes);
            return slot;
        }
        let filled = slot.clone();
        scope.spawn(move |_| self.fill(&filled, &bytes));
        slot
    }

    fn fill(&self, slot: &Examined<T>, bytes: &[u8]) {
        let digest = Sha256::of(bytes);
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().get(&digest).cloned();
        // Not under the lock. Two threads with the same content at once examine it twice, which harms nobody.
        let examined = found.unwrap_or_else(|| {
            let examined = Arc::new((self.examine)(bytes));
            known().entry(digest).or_insert(examined).clone()
        });
        // Nobody else fills it.
        let _ = slot.set((digest, examined));
        self.waiting.fetch_sub(bytes.len() as u64, Ordering::Relaxed);
    }
}

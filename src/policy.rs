//! Rules, and what of an image breaks them.
//!
//! Pure: a policy and an image's inventory give findings. Knows nothing of how an image is read or written.

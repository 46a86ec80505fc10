//! Stories of dividing installed files among components.

//! A fault in a file that a person wrote: where it is, what is wrong, what would be right.

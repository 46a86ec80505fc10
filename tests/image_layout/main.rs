//! Images as files, read back by hand, by independent readers and by the clients that people use.

mod archives;
mod blobs;
mod clients;
mod directory;
mod kept;
mod occupied;
mod stability;
mod stones;

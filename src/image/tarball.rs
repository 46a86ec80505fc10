//! Tar archives whose bytes depend on what is added alone. Knows nothing of images.

use std::io::{self, Read, Write};

use crate::path::RelPath;

/// The time of every file in an image, in seconds: 1980-01-01, the earliest that zip can hold too.
pub const EPOCH: u64 = 315_532_800;

/// Stand-in.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct WriteError(io::Error);

/// What a tar header says of an entry beside its name and kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meta {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

pub(super) struct TarWriter<W: Write> {
    builder: tar::Builder<W>,
    mtime: u64,
}

impl<W: Write> TarWriter<W> {
    pub fn new(writer: W, mtime: u64) -> Self {
        Self { builder: tar::Builder::new(writer), mtime }
    }

    fn header(&self, kind: tar::EntryType, meta: Meta, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(meta.mode);
        header.set_uid(meta.uid.into());
        header.set_gid(meta.gid.into());
        header.set_mtime(self.mtime);
        header.set_size(size);
        header
    }

    pub fn directory(&mut self, path: &RelPath, meta: Meta) -> Result<(), WriteError> {
        let mut header = self.header(tar::EntryType::Directory, meta, 0);
        self.builder.append_data(&mut header, format!("{path}/"), io::empty()).map_err(WriteError)
    }

    pub fn file(&mut self, path: &RelPath, meta: Meta, size: u64, content: impl Read) -> Result<(), WriteError> {
        let mut header = self.header(tar::EntryType::Regular, meta, size);
        self.builder.append_data(&mut header, path, content).map_err(WriteError)
    }

    pub fn symlink(&mut self, path: &RelPath, target: &str) -> Result<(), WriteError> {
        let mut header = self.header(tar::EntryType::Symlink, Meta { mode: 0o777, uid: 0, gid: 0 }, 0);
        self.builder.append_link(&mut header, path, target).map_err(WriteError)
    }

    pub fn finish(self) -> Result<W, WriteError> {
        self.builder.into_inner().map_err(WriteError)
    }
}

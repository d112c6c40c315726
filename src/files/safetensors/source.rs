//! Where the bytes of a file are: in memory, or still on disk.

use crate::{Error, Result};
use std::borrow::Cow;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

/// One file of a model.
#[derive(Debug)]
pub(super) enum Source<'a> {
    Bytes {
        name: String,
        bytes: &'a [u8],
    },
    /// Read tensor by tensor, so that no model is in memory as a whole.
    Path {
        name: String,
        path: PathBuf,
    },
}

impl Source<'_> {
    pub fn name(&self) -> &str {
        match self {
            Source::Bytes { name, .. } | Source::Path { name, .. } => name,
        }
    }

    pub fn len(&self) -> Result<u64> {
        match self {
            Source::Bytes { bytes, .. } => Ok(bytes.len() as u64),
            Source::Path { path, .. } => {
                let metadata =
                    std::fs::metadata(path).map_err(|e| io("opening a file", path, e))?;
                Ok(metadata.len())
            }
        }
    }

    /// `count` bytes from `at` on, which were found to be there when the file was opened.
    pub fn read(&self, at: u64, count: u64) -> Result<Cow<'_, [u8]>> {
        match self {
            Source::Bytes { name, bytes } => {
                let range = usize::try_from(at).ok().zip(usize::try_from(count).ok());
                let found = range.and_then(|(at, count)| bytes.get(at..)?.get(..count));
                found.map(Cow::Borrowed).ok_or_else(|| Error::Truncated {
                    at: name.clone(),
                    what: "the data",
                    needed: at.saturating_add(count),
                    left: bytes.len() as u64,
                })
            }
            Source::Path { path, .. } => {
                let failed = |e| io("reading a file", path, e);
                let mut file = std::fs::File::open(path).map_err(failed)?;
                file.seek(SeekFrom::Start(at)).map_err(failed)?;
                let mut bytes = Vec::new();
                // Grows with what is read, whatever has become of the file since.
                file.take(count).read_to_end(&mut bytes).map_err(failed)?;
                match bytes.len() as u64 {
                    left if left < count => Err(Error::Truncated {
                        at: path.display().to_string(),
                        what: "the data",
                        needed: count,
                        left,
                    }),
                    _ => Ok(Cow::Owned(bytes)),
                }
            }
        }
    }
}

pub(super) fn io(what: &'static str, path: &std::path::Path, e: std::io::Error) -> Error {
    Error::Io {
        what,
        message: format!("{}: {e}", path.display()),
    }
}

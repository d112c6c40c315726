//! A file of a model, in memory or on disk.

use super::foreign;
use super::header::{self, FileHeader};
use crate::{Error, Result};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// One file of a model.
#[derive(Clone, Debug)]
pub(super) enum ModelFile<'a> {
    Bytes {
        name: String,
        bytes: &'a [u8],
    },
    /// Read tensor by tensor, so that the model is never in memory as a whole.
    Path {
        name: String,
        path: PathBuf,
    },
}

impl ModelFile<'_> {
    pub fn name(&self) -> &str {
        match self {
            ModelFile::Bytes { name, .. } | ModelFile::Path { name, .. } => name,
        }
    }

    pub fn len(&self) -> Result<u64> {
        match self {
            ModelFile::Bytes { bytes, .. } => Ok(bytes.len() as u64),
            ModelFile::Path { path, .. } => regular(path),
        }
    }

    /// The header, and the offset of the data after it.
    pub fn header(&self) -> Result<(FileHeader, u64)> {
        let length = self.len()?;
        let start = self.read(0, length.min(foreign::LOOKED_AT))?;
        foreign::check(self.name(), &start)?;
        let json_len = header::header_len(&start, length)?;
        let json = self.read(8, json_len)?;
        let data = 8 + json_len;
        Ok((header::parse(&json, length - data)?, data))
    }

    /// `count` bytes from offset `at`. Opening the file has checked that they exist.
    pub fn read(&self, at: u64, count: u64) -> Result<Cow<'_, [u8]>> {
        match self {
            ModelFile::Bytes { name, bytes } => {
                let range = usize::try_from(at).ok().zip(usize::try_from(count).ok());
                let found = range.and_then(|(at, count)| bytes.get(at..)?.get(..count));
                found.map(Cow::Borrowed).ok_or_else(|| Error::Truncated {
                    at: name.clone(),
                    what: "the data",
                    needed: at.saturating_add(count),
                    left: bytes.len() as u64,
                })
            }
            ModelFile::Path { path, .. } => {
                let bytes = read_range(path, at, count).map_err(failed("reading", path))?;
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

/// The length of a regular file. Pipes and devices are refused, since they may never end.
fn regular(path: &Path) -> Result<u64> {
    let metadata = std::fs::metadata(path).map_err(failed("opening", path))?;
    if !metadata.is_file() {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
        return Err(failed("opening", path)(error));
    }
    Ok(metadata.len())
}

/// The bytes of a file of settings of at most `limit` bytes.
pub(super) fn small(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let needed = regular(path)?;
    if needed > limit {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        return Err(Error::File {
            at: name.into_owned(),
            what: "its bytes".into(),
            expected: format!("{limit} at most"),
            got: needed.to_string(),
        });
    }
    read_range(path, 0, limit).map_err(failed("reading", path))
}

/// Up to `count` bytes from offset `at`.
fn read_range(path: &Path, at: u64, count: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(at))?;
    // Reserves no more than the file has now: it may have been cut since its header was read.
    let room = usize::try_from(count.min(file.metadata()?.len())).unwrap_or_default();
    let mut bytes = Vec::with_capacity(room);
    file.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The error of an action on a file.
pub(super) fn failed(action: &str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    Error::io(format!("{action} {}", path.display()))
}

//! The bytes of one segment: a file, or pieces in memory.

use crate::store::files::Files;
use crate::store::room::Room;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Where segments lie.
#[derive(Clone, Debug)]
pub struct Place {
    /// The partition's folder; `None`: in memory.
    pub folder: Option<PathBuf>,
    /// The open files of all partitions.
    pub files: Arc<Files>,
    /// Room of all partitions.
    pub room: Arc<Room>,
}

/// Bytes that are appended to and read at any place.
#[derive(Debug)]
pub struct Data {
    place: Place,
    kind: Kind,
    length: u64,
}

#[derive(Debug)]
enum Kind {
    File {
        path: PathBuf,
        id: u64,
    },
    /// Pieces with the position of each one's first byte.
    Memory(Vec<(u64, Vec<u8>)>),
}

impl Data {
    /// No bytes yet; of a file also the name is there, so that a restart finds it.
    pub fn create(place: &Place, name: &str) -> io::Result<Data> {
        let kind = match &place.folder {
            None => Kind::Memory(Vec::new()),
            Some(folder) => {
                let path = folder.join(name);
                File::create(&path)?;
                Kind::File { path, id: place.files.next_id() }
            }
        };
        Ok(Data { place: place.clone(), kind, length: 0 })
    }

    /// A file that is there.
    pub fn open(place: &Place, path: PathBuf) -> io::Result<Data> {
        let length = fs::metadata(&path)?.len();
        place.room.occupy(length);
        Ok(Data { place: place.clone(), kind: Kind::File { path, id: place.files.next_id() }, length })
    }

    /// Bytes in it.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The file's path, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match &self.kind {
            Kind::File { path, .. } => Some(path),
            Kind::Memory(_) => None,
        }
    }

    /// Adds bytes at the end: all of them or, with an error, none.
    pub fn append(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        let size = bytes.len() as u64;
        self.place.room.take(size)?;
        let outcome = match &mut self.kind {
            Kind::Memory(pieces) => {
                pieces.push((self.length, bytes));
                Ok(())
            }
            Kind::File { path, id } => self.place.files.open(*id, path).and_then(|file| {
                // What was written of it before the error would be in the way of the next.
                file.write_all_at(&bytes, self.length).inspect_err(|_| drop(file.set_len(self.length)))
            }),
        };
        match outcome {
            Ok(()) => self.length += size,
            Err(_) => self.place.room.give_back(size),
        }
        outcome
    }

    /// Up to `size` bytes from `position` on; fewer only at the end.
    pub fn read(&self, position: u64, size: usize) -> io::Result<Vec<u8>> {
        let size = self.length.saturating_sub(position).min(size as u64) as usize;
        match &self.kind {
            Kind::File { path, id } => {
                let mut bytes = vec![0; size];
                self.place.files.open(*id, path)?.read_exact_at(&mut bytes, position)?;
                Ok(bytes)
            }
            Kind::Memory(pieces) => {
                let mut bytes = Vec::with_capacity(size);
                let first = pieces.partition_point(|(from, _)| *from <= position).saturating_sub(1);
                for (from, piece) in &pieces[first..] {
                    let skip = position.saturating_sub(*from) as usize;
                    let part = piece.get(skip..).unwrap_or_default();
                    bytes.extend_from_slice(&part[..part.len().min(size - bytes.len())]);
                    if bytes.len() == size {
                        break;
                    }
                }
                Ok(bytes)
            }
        }
    }

    /// Cuts everything from `length` on.
    pub fn truncate(&mut self, length: u64) -> io::Result<()> {
        match &mut self.kind {
            Kind::File { path, id } => self.place.files.open(*id, path)?.set_len(length)?,
            Kind::Memory(pieces) => pieces.retain(|(from, _)| *from < length),
        }
        self.place.room.give_back(self.length.saturating_sub(length));
        self.length = length;
        Ok(())
    }

    /// When it was last written to; of memory not known.
    pub fn modified(&self) -> Option<SystemTime> {
        fs::metadata(self.path()?).and_then(|metadata| metadata.modified()).ok()
    }

    /// Sets the time of the last write back, when the same records have been written anew.
    pub fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        match &self.kind {
            Kind::File { path, id } => self.place.files.open(*id, path)?.set_modified(time),
            Kind::Memory(_) => Ok(()),
        }
    }

    /// Gives the file another name; of one that has the name already nothing is left.
    pub fn rename(&mut self, name: &str) -> io::Result<()> {
        if let Kind::File { path, .. } = &mut self.kind {
            let to = path.with_file_name(name);
            fs::rename(&*path, &to)?;
            *path = to;
        }
        Ok(())
    }

    /// Gives the bytes up; the file is removed.
    pub fn remove(&self) -> io::Result<()> {
        self.place.room.give_back(self.length);
        match &self.kind {
            Kind::File { path, id } => {
                self.place.files.close(*id);
                fs::remove_file(path)
            }
            Kind::Memory(_) => Ok(()),
        }
    }

    /// The open file, to be synced while others go on writing.
    pub fn file(&self) -> io::Result<Option<Arc<File>>> {
        match &self.kind {
            Kind::File { path, id } => self.place.files.open(*id, path).map(Some),
            Kind::Memory(_) => Ok(None),
        }
    }
}

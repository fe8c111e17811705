//! The files to read, now and after a rewrite.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::io::append_only::error::AppendOnlyError;
use crate::io::append_only::file::{AppendOnlyFile, FileKind};
use crate::io::append_only::manifest::{Listed, Manifest};
use crate::io::append_only::source::Source;

/// A file to read, opened early: a rewrite may remove it before it is read.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: AppendOnlyFile,
    pub(super) source: Source,
}

/// Whether a base that is a snapshot is read. A skipped one is not opened, and is as if it were empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Snapshots {
    Read,
    Skipped,
}

/// The source of the files.
#[derive(Debug)]
pub(super) enum Origin {
    /// A reader from the caller.
    Given,
    /// One file, with the path it was opened by.
    File(PathBuf),
    /// The files of a manifest.
    Manifest(Folder),
}

/// A manifest, as it was last read.
#[derive(Debug)]
pub(super) struct Folder {
    manifest: PathBuf,
    text: Vec<u8>,
    base: Option<u64>,
    /// The newest increment that was opened.
    last: Option<u64>,
}

/// More bytes than any manifest has.
const LONGEST_MANIFEST: u64 = 1 << 20;
/// The number of times a file may be removed between the reading of the manifest and the opening of the file.
const ATTEMPTS: u32 = 20;

/// The files at `path`: a file, a manifest, or the folder of one.
pub(super) fn open(path: &Path, snapshots: Snapshots) -> Result<(Origin, VecDeque<Opened>), AppendOnlyError> {
    let metadata = fs::metadata(path).map_err(|source| AppendOnlyError::Io { path: path.into(), source })?;
    let manifest = match () {
        () if metadata.is_dir() => in_folder(path)?,
        () if is_manifest(path) => path.into(),
        () => {
            let file = AppendOnlyFile { path: path.into(), kind: FileKind::Single, seq: None };
            let source = Source::File(open_file(path)?);
            return Ok((Origin::File(path.into()), VecDeque::from([Opened { file, source }])));
        }
    };
    let (folder, files) = Folder::open(manifest, snapshots)?;
    Ok((Origin::Manifest(folder), files))
}

impl Folder {
    fn open(manifest: PathBuf, snapshots: Snapshots) -> Result<(Self, VecDeque<Opened>), AppendOnlyError> {
        let mut text = read(&manifest)?;
        for attempt in 1.. {
            let listed = parse(&manifest, &text)?;
            let increments = listed.increments.iter().map(|file| (FileKind::Increment, file));
            let files: Vec<_> = listed.base.iter().map(|file| (FileKind::Base, file)).chain(increments).collect();
            if files.is_empty() {
                return Err(AppendOnlyError::Nothing { path: manifest });
            }
            match open_all(&manifest, &files, snapshots) {
                Ok(opened) => {
                    let base = listed.base.map(|base| base.seq);
                    let last = listed.increments.last().map(|last| last.seq);
                    return Ok((Self { manifest, text, base, last }, opened));
                }
                Err(error @ AppendOnlyError::Missing { .. }) if attempt < ATTEMPTS => {
                    let now = read(&manifest)?;
                    if now == text {
                        return Err(error);
                    }
                    text = now;
                }
                Err(error) => return Err(error),
            }
        }
        Err(AppendOnlyError::Nothing { path: manifest })
    }

    /// Opens the increments that were added since the last check. All files opened before are complete by then, except
    /// the last one: a server writes to an increment only after it is listed, and no longer to the one before.
    pub(super) fn look(&mut self) -> Result<VecDeque<Opened>, AppendOnlyError> {
        for attempt in 1.. {
            let text = read(&self.manifest)?;
            if text == self.text {
                break;
            }
            let listed = parse(&self.manifest, &text)?;
            let fresh = self.fresh(&listed)?;
            match open_all(&self.manifest, &fresh, Snapshots::Skipped) {
                Ok(opened) => {
                    self.last = fresh.last().map(|(_, file)| file.seq).or(self.last);
                    self.base = listed.base.as_ref().map(|base| base.seq);
                    self.text = text;
                    return Ok(opened);
                }
                Err(AppendOnlyError::Missing { .. }) if attempt < ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        }
        Ok(VecDeque::new())
    }

    /// The increments after the last one that was opened.
    fn fresh<'a>(&self, listed: &'a Manifest) -> Result<Vec<(FileKind, &'a Listed)>, AppendOnlyError> {
        let manifest = || self.manifest.clone();
        let last = self.last.unwrap_or(0);
        if let Some(newest) = listed.increments.last().map(|file| file.seq).filter(|&newest| newest < last) {
            return Err(AppendOnlyError::Anew { manifest: manifest(), last, newest });
        }
        let fresh: Vec<_> = listed.increments.iter().filter(|file| file.seq > last).collect();
        let rebased = self.base != listed.base.as_ref().map(|base| base.seq);
        match (self.last, fresh.first()) {
            // Without an increment only the base shows which one is next.
            (None, Some(_)) if !rebased => {}
            (Some(last), Some(first)) if first.seq == last + 1 => {}
            (_, None) => {}
            (_, Some(first)) => return Err(AppendOnlyError::Missed { manifest: manifest(), last, next: first.seq }),
        }
        Ok(fresh.into_iter().map(|file| (FileKind::Increment, file)).collect())
    }
}

fn open_all(
    manifest: &Path,
    files: &[(FileKind, &Listed)],
    snapshots: Snapshots,
) -> Result<VecDeque<Opened>, AppendOnlyError> {
    let open = |&(kind, listed): &(FileKind, &Listed)| {
        let path = manifest.with_file_name(&listed.name);
        let opened = |path, source| Opened { file: AppendOnlyFile { path, kind, seq: Some(listed.seq) }, source };
        // Servers choose the extension by the format.
        let is_snapshot = kind == FileKind::Base && path.extension().is_some_and(|extension| extension == "rdb");
        if is_snapshot && snapshots == Snapshots::Skipped {
            return Ok(opened(path, Source::Other(Box::new(io::empty()))));
        }
        match open_file(&path) {
            Ok(file) => Ok(opened(path, Source::File(file))),
            Err(AppendOnlyError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Err(AppendOnlyError::Missing { path, manifest: manifest.into() })
            }
            Err(error) => Err(error),
        }
    };
    files.iter().map(open).collect()
}

/// Opening a pipe would wait for its writer.
fn open_file(path: &Path) -> Result<File, AppendOnlyError> {
    let failed = |source| AppendOnlyError::Io { path: path.into(), source };
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(AppendOnlyError::NotAFile { path: path.into() });
    }
    File::open(path).map_err(failed)
}

fn read(manifest: &Path) -> Result<Vec<u8>, AppendOnlyError> {
    let mut text = Vec::new();
    let failed = |source| AppendOnlyError::Io { path: manifest.into(), source };
    open_file(manifest)?.take(LONGEST_MANIFEST + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > LONGEST_MANIFEST {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "it is far too long for a manifest")));
    }
    Ok(text)
}

fn parse(path: &Path, text: &[u8]) -> Result<Manifest, AppendOnlyError> {
    Manifest::parse(text).map_err(|source| AppendOnlyError::Manifest { path: path.into(), source })
}

fn in_folder(folder: &Path) -> Result<PathBuf, AppendOnlyError> {
    let found = manifests(folder).map_err(|source| AppendOnlyError::Io { path: folder.into(), source })?;
    match found.as_slice() {
        [one] => Ok(folder.join(one)),
        [] => Err(AppendOnlyError::NoManifest { folder: folder.into(), nested: nested(folder) }),
        [one, other, ..] => {
            Err(AppendOnlyError::Manifests { folder: folder.into(), names: [one.clone(), other.clone()] })
        }
    }
}

/// The names of the manifests in a folder, without temporary ones.
fn manifests(folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if is_manifest(Path::new(&name)) && !name.starts_with("temp-") {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

/// The append-only folder inside a server's folder, for error messages.
fn nested(folder: &Path) -> Option<PathBuf> {
    let inside = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let mut nested = inside.filter(|path| path.is_dir() && manifests(path).is_ok_and(|found| !found.is_empty()));
    nested.next()
}

fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "manifest")
}

/// Whether an open file was replaced at its path by another one.
#[cfg(unix)]
pub(super) fn is_replaced(path: &Path, file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (there, open) = (fs::metadata(path)?, file.metadata()?);
    Ok((there.dev(), there.ino()) != (open.dev(), open.ino()))
}

/// Whether an open file was replaced at its path by another one.
#[cfg(windows)]
pub(super) fn is_replaced(path: &Path, file: &File) -> io::Result<bool> {
    use same_file::Handle;
    Ok(Handle::from_path(path)? != Handle::from_file(file.try_clone()?)?)
}

//! Which files are converted, and where their results go.
//!
//! Every regular file of the folder counts as an image; one that is none fails in its job, with the
//! worker's message. Nothing is replaced unless that was asked for.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::codec::Target;

/// A folder that can be converted: it has images, and its results are in nobody's way.
#[derive(Debug)]
pub(crate) struct Folder {
    images: Vec<Image>,
    results: PathBuf,
    overwrite: bool,
}

/// One file to convert.
#[derive(Debug, PartialEq)]
pub(crate) struct Image {
    path: PathBuf,
    /// The name of its results, without the extension.
    name: OsString,
}

impl Folder {
    /// Looks at the folder; makes the one for the results.
    pub(crate) fn open(path: &Path, overwrite: bool) -> Result<Self, Error> {
        let images = images(path)?;
        if images.is_empty() {
            return Err(format!(
                "{}: no file in it; `convert --generate 20 {}` makes some images",
                path.display(),
                path.display()
            )
            .into());
        }
        let folder = Self { images, results: path.join("converted"), overwrite };
        if !overwrite {
            folder.refuse_existing()?;
        }
        fs::create_dir_all(&folder.results).map_err(|error| format!("{}: {error}", folder.results.display()))?;
        Ok(folder)
    }

    pub(crate) fn images(&self) -> &[Image] {
        &self.images
    }

    fn refuse_existing(&self) -> Result<(), Error> {
        let all = self.images.iter().flat_map(|image| Target::ALL.map(|target| (image, target)));
        let existing: Vec<PathBuf> = all
            .map(|(image, target)| self.result_path(image, target))
            .filter(|path| path.symlink_metadata().is_ok())
            .collect();
        match existing.as_slice() {
            [] => Ok(()),
            [first, others @ ..] => Err(format!(
                "{} is there already{}; --overwrite replaces results of an earlier run",
                first.display(),
                if others.is_empty() { String::new() } else { format!(", and {} more", others.len()) }
            )
            .into()),
        }
    }

    fn result_path(&self, image: &Image, target: Target) -> PathBuf {
        let mut name = image.name.clone();
        name.push(".");
        name.push(target.extension());
        self.results.join(name)
    }

    /// Writes one result. A file that cannot be written whole is taken away again.
    pub(crate) fn write(&self, image: &Image, target: Target, bytes: &[u8]) -> Result<(), Error> {
        let path = self.result_path(image, target);
        let mut options = OpenOptions::new();
        options.write(true);
        if self.overwrite {
            options.create(true).truncate(true);
        } else {
            options.create_new(true);
        }
        let named = |error| format!("{}: {error}", path.display());
        let mut file = options.open(&path).map_err(named)?;
        file.write_all(bytes).map_err(|error| {
            // The first error is the one to tell.
            let _ = fs::remove_file(&path);
            named(error).into()
        })
    }
}

impl Image {
    /// The file's name, for people.
    pub(crate) fn title(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The bytes of the file.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Error> {
        fs::read(&self.path).map_err(|error| error.to_string().into())
    }
}

/// The regular files in `folder` that are not hidden, by name.
fn images(folder: &Path) -> Result<Vec<Image>, Error> {
    let named = |error| format!("{}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(named)? {
        let path = entry.map_err(named)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(with_names(paths))
}

/// `cat.png` gives `cat`; where there is a `cat.bmp` too, they give `cat.png` and `cat.bmp`.
fn with_names(paths: Vec<PathBuf>) -> Vec<Image> {
    let stem = |path: &Path| path.file_stem().map(OsStr::to_owned).unwrap_or_default();
    let mut uses: HashMap<OsString, usize> = HashMap::new();
    for path in &paths {
        *uses.entry(stem(path)).or_default() += 1;
    }
    let name = |path: &Path| {
        let stem = stem(path);
        let alone = uses.get(&stem) == Some(&1);
        if alone { stem } else { path.file_name().map(OsStr::to_owned).unwrap_or(stem) }
    };
    paths.into_iter().map(|path| Image { name: name(&path), path }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(folder.path().join(file), file).unwrap();
        }
        folder
    }

    fn names(images: &[Image]) -> Vec<String> {
        images.iter().map(|image| image.name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn regular_files_are_taken_by_name_and_same_stems_kept_apart() {
        let there = folder(&["b.png", "a.png", "a.bmp", ".hidden", "plain"]);
        fs::create_dir(there.path().join("inner.png")).unwrap();
        let folder = Folder::open(there.path(), false).unwrap();
        assert_eq!(names(folder.images()), ["a.bmp", "a.png", "b", "plain"]);
        assert_eq!(folder.images()[2].read().unwrap(), b"b.png");
    }

    #[test]
    fn no_folder_and_an_empty_one_are_said() {
        let missing = Folder::open(Path::new("/no/such/folder"), false).unwrap_err().to_string();
        assert!(missing.starts_with("/no/such/folder: "), "{missing}");
        let empty = Folder::open(folder(&[]).path(), false).unwrap_err().to_string();
        assert!(empty.contains("no file in it; `convert --generate 20"), "{empty}");
    }

    #[test]
    fn results_are_not_replaced_unless_asked_for() {
        let there = folder(&["a.png"]);
        let first = Folder::open(there.path(), false).unwrap();
        first.write(&first.images()[0], Target::Jpeg, b"one").unwrap();
        assert!(first.write(&first.images()[0], Target::Jpeg, b"two").is_err());
        let refused = Folder::open(there.path(), false).unwrap_err().to_string();
        assert!(refused.contains("converted/a.jpg is there already; --overwrite"), "{refused}");
        let second = Folder::open(there.path(), true).unwrap();
        second.write(&second.images()[0], Target::Jpeg, b"three").unwrap();
        assert_eq!(fs::read(there.path().join("converted/a.jpg")).unwrap(), b"three");
    }
}

//! Small images for a first try: coloured gradients, in the kinds that this program reads.

use std::fs::{self, OpenOptions};
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};

use crate::Error;

const KINDS: [(ImageFormat, &str); 4] =
    [(ImageFormat::Png, "png"), (ImageFormat::Bmp, "bmp"), (ImageFormat::Gif, "gif"), (ImageFormat::Jpeg, "jpg")];

/// Writes `count` images, `image-0001.png` and so on, into `folder`. Replaces nothing.
pub(crate) fn images(folder: &Path, count: u32) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for (number, (format, extension)) in (1..=count).zip(KINDS.iter().cycle()) {
        let path = folder.join(format!("image-{number:04}.{extension}"));
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let mut file =
            OpenOptions::new().read(true).write(true).create_new(true).open(&path).map_err(|error| named(&error))?;
        gradient(number).write_to(&mut file, *format).map_err(|error| named(&error))?;
    }
    Ok(())
}

fn gradient(number: u32) -> RgbImage {
    let (width, height) = (160 + number % 7 * 16, 120 + number % 5 * 16);
    RgbImage::from_fn(width, height, |x, y| {
        let part = |of: u32, whole: u32| (of * 255 / whole) as u8;
        Rgb([part(x, width), part(y, height), (number.wrapping_mul(37) % 256) as u8])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Target;

    #[test]
    fn generated_images_can_be_converted_and_are_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("new");
        images(&inner, 5).unwrap();
        let mut files: Vec<_> = fs::read_dir(&inner).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        assert_eq!(files.len(), 5);
        for file in &files {
            assert!(Target::Gif.convert(&fs::read(file).unwrap()).is_ok(), "{}", file.display());
        }
        let again = images(&inner, 5).unwrap_err().to_string();
        assert!(again.contains("image-0001.png: "), "{again}");
    }
}

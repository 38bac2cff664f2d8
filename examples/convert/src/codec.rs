//! What the workers do: image bytes in, JPEG or GIF bytes out. No files, no Gearman.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader, RgbImage, Rgba, Rgba32FImage};

use crate::Error;

/// A kind of result: a function of the worker, and how its files end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Jpeg,
    Gif,
}

impl Target {
    pub(crate) const ALL: [Self; 2] = [Self::Jpeg, Self::Gif];

    /// The name that the worker registers: its path in this program, and its method.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::Jpeg => "convert::workers::Convert::convert_to_jpeg",
            Self::Gif => "convert::workers::Convert::convert_to_gif",
        }
    }

    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Gif => "gif",
        }
    }

    /// Reads an image of any kind that this program knows and writes it as this one.
    pub(crate) fn convert(self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let image = decode(bytes)?;
        match self {
            // JPEG knows no transparency.
            Self::Jpeg => encode(&on_white(image).into(), ImageFormat::Jpeg),
            Self::Gif => encode(&image.to_rgba8().into(), ImageFormat::Gif),
        }
    }
}

fn decode(bytes: &[u8]) -> Result<DynamicImage, Error> {
    if bytes.is_empty() {
        return Err("an empty file is no image".into());
    }
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    if reader.format().is_none() {
        return Err("no image of a known kind (PNG, JPEG, GIF, BMP)".into());
    }
    Ok(reader.decode()?)
}

fn encode(image: &DynamicImage, format: ImageFormat) -> Result<Vec<u8>, Error> {
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, format)?;
    Ok(out.into_inner())
}

/// What one sees of the image on white paper.
fn on_white(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let mut image: Rgba32FImage = image.into_rgba32f();
    for Rgba([red, green, blue, alpha]) in image.pixels_mut() {
        for channel in [red, green, blue] {
            *channel = *channel * *alpha + (1.0 - *alpha);
        }
        *alpha = 1.0;
    }
    DynamicImage::from(image).into_rgb8()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbaImage;

    fn png(pixel: [u8; 4]) -> Vec<u8> {
        let image = RgbaImage::from_pixel(16, 8, Rgba(pixel));
        encode(&image.into(), ImageFormat::Png).unwrap()
    }

    #[test]
    fn results_are_images_of_the_right_kind_and_size() {
        for (target, format) in [(Target::Jpeg, ImageFormat::Jpeg), (Target::Gif, ImageFormat::Gif)] {
            let result = target.convert(&png([10, 200, 30, 255])).unwrap();
            assert_eq!(image::guess_format(&result).unwrap(), format);
            let image = decode(&result).unwrap();
            assert_eq!((image.width(), image.height()), (16, 8));
        }
    }

    #[test]
    fn what_is_transparent_becomes_white_in_a_jpeg() {
        let result = Target::Jpeg.convert(&png([0, 0, 0, 0])).unwrap();
        let image = decode(&result).unwrap().into_rgb8();
        assert!(image.pixels().all(|pixel| pixel.0.iter().all(|channel| *channel > 250)));
    }

    #[test]
    fn what_is_no_image_is_refused_in_words() {
        let message = |bytes: &[u8]| Target::Gif.convert(bytes).unwrap_err().to_string();
        assert_eq!(message(b""), "an empty file is no image");
        assert_eq!(message(b"hello, world"), "no image of a known kind (PNG, JPEG, GIF, BMP)");
        let cut = &png([1, 2, 3, 255])[..40];
        assert!(!message(cut).is_empty());
    }
}

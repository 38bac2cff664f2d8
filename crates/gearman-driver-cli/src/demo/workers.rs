//! The demo's workers: jobs without macros, so that the command itself has no worker that a namespace could name.

use std::io::Cursor;
use std::thread;
use std::time::Duration;

use gearman_driver::prelude::*;
use image::ImageFormat;
use image::imageops::FilterType;

/// A scaled image is at most so wide and so high.
const SMALL: u32 = 96;
/// A nap is at most so long.
const MAX_NAP: u64 = 10_000;

/// A job, as the whole demo knows it: one function, which has the job's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An image, made small.
    Scale,
    /// An image, as JPEG.
    Convert,
    /// Takes naps, fails, and panics, as its workload says.
    Flaky,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Scale, Self::Convert, Self::Flaky];

    /// What clients submit it as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scale => "scale_image",
            Self::Convert => "convert_image",
            Self::Flaky => "flaky",
        }
    }

    fn do_it(self, workload: &[u8]) -> Result<Vec<u8>, Error> {
        match self {
            Self::Scale => {
                let image = image::load_from_memory(workload)?;
                written(&image.resize(SMALL, SMALL, FilterType::Triangle), ImageFormat::Png)
            }
            // JPEG knows no transparency.
            Self::Convert => written(&image::load_from_memory(workload)?.into_rgb8().into(), ImageFormat::Jpeg),
            Self::Flaky => flaky(&String::from_utf8_lossy(workload)),
        }
    }
}

/// The three jobs.
pub(crate) fn jobs() -> impl Iterator<Item = JobSpec> {
    struct Demo;
    impl Worker for Demo {}
    Kind::ALL.into_iter().map(|kind| JobSpec {
        name: kind.name().to_owned(),
        min_processes: 1,
        max_processes: 6,
        worker: Box::new(Demo),
        methods: vec![Method {
            name: kind.name().to_owned(),
            body: Box::new(move |_worker, _job, workload| kind.do_it(workload)),
            decode: None,
            encode: None,
        }],
    })
}

fn written(image: &image::DynamicImage, format: ImageFormat) -> Result<Vec<u8>, Error> {
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, format)?;
    Ok(out.into_inner())
}

/// `fail`, `panic`, `nap MILLISECONDS`; anything else is a short nap, and comes back.
fn flaky(workload: &str) -> Result<Vec<u8>, Error> {
    let mut words = workload.split_whitespace();
    match (words.next(), words.next().map(str::parse::<u64>)) {
        (Some("fail"), None) => Err("failed on purpose".into()),
        (Some("panic"), None) => panic!("panicked on purpose"),
        (Some("nap"), Some(Ok(milliseconds))) => {
            thread::sleep(Duration::from_millis(milliseconds.min(MAX_NAP)));
            Ok(b"slept".to_vec())
        }
        _ => {
            thread::sleep(Duration::from_millis(100));
            Ok(workload.as_bytes().to_vec())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, RgbaImage};

    #[test]
    fn images_become_small_or_jpeg() {
        let png = written(&RgbaImage::new(192, 96).into(), ImageFormat::Png).unwrap();
        let small: DynamicImage = image::load_from_memory(&Kind::Scale.do_it(&png).unwrap()).unwrap();
        assert_eq!((small.width(), small.height()), (96, 48));
        let jpeg = Kind::Convert.do_it(&png).unwrap();
        assert_eq!(image::guess_format(&jpeg).unwrap(), ImageFormat::Jpeg);
        assert!(Kind::Scale.do_it(b"no image").is_err() && Kind::Convert.do_it(b"").is_err());
    }

    #[test]
    fn flaky_does_as_it_is_told() {
        assert_eq!(flaky("hello world").unwrap(), b"hello world");
        assert_eq!(flaky("nap 1").unwrap(), b"slept");
        assert_eq!(flaky("fail").unwrap_err().to_string(), "failed on purpose");
        assert!(std::panic::catch_unwind(|| flaky("panic")).is_err());
    }
}

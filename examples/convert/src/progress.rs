//! What the person at the terminal sees while the jobs run, and the counts at the end.

use std::io::{self, IsTerminal, Write};

/// Counts images and shows them on standard error: a line that moves on a terminal, else one every 10 %.
pub(crate) struct Progress {
    images: usize,
    converted: usize,
    failed: usize,
    on_terminal: bool,
}

impl Progress {
    pub(crate) fn new(images: usize) -> Self {
        Self { images, converted: 0, failed: 0, on_terminal: io::stderr().is_terminal() }
    }

    /// Images of which every result has been written.
    pub(crate) fn converted(&self) -> usize {
        self.converted
    }

    /// Images of which at least one result is missing.
    pub(crate) fn failed(&self) -> usize {
        self.failed
    }

    /// An image is through, with what went wrong, if something did.
    pub(crate) fn image_done(&mut self, title: &str, errors: &[String]) {
        if errors.is_empty() {
            self.converted += 1;
        } else {
            self.failed += 1;
            self.clear();
            eprintln!("  {title}: {}", errors.join("; "));
        }
        self.show();
    }

    fn show(&self) {
        let (done, line) = (self.converted + self.failed, self.line());
        if self.on_terminal {
            let end = if done == self.images { "\n" } else { "" };
            // The terminal may be gone; the conversion goes on.
            let _ = write!(io::stderr(), "\r{line}{end}");
        } else if done * 10 / self.images != (done - 1) * 10 / self.images {
            eprintln!("{line}");
        }
    }

    fn clear(&self) {
        if self.on_terminal {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }

    fn line(&self) -> String {
        const WIDTH: usize = 30;
        let done = self.converted + self.failed;
        let filled = done * WIDTH / self.images;
        let mut line = format!("[{:<WIDTH$}] {done}/{} images", "#".repeat(filled), self.images);
        if self.failed > 0 {
            line.push_str(&format!(", {} failed", self.failed));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_counted_once_and_shown() {
        let mut progress = Progress { images: 4, converted: 0, failed: 0, on_terminal: false };
        progress.image_done("a.png", &[]);
        progress.image_done("b.txt", &["no image".into(), "no image".into()]);
        assert_eq!((progress.converted(), progress.failed()), (1, 1));
        assert_eq!(progress.line(), "[###############               ] 2/4 images, 1 failed");
    }
}

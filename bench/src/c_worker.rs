//! Builds `c/worker.c`, the C side, when it is older than its source.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;

/// Where the compiled worker is; compiles it first where that is due.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("c/worker.c");
    let directory = target_directory()?;
    let program = directory.join("bench-c-worker");
    if is_newer(&program, &source) {
        return Ok(program);
    }
    let output = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-o"])
        .arg(&program)
        .arg(&source)
        .arg("-lgearman")
        .output()
        .map_err(|error| {
            Failure::new(format!(
                "the C worker can't be compiled, cc does not start: {error}\n  Debian: apt-get install gcc"
            ))
        })?;
    if output.status.success() {
        return Ok(program);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let advice = if said.contains("libgearman") || said.contains("lgearman") {
        "\n  Debian: apt-get install libgearman-dev"
    } else {
        ""
    };
    Err(Failure::new(format!("the C worker can't be compiled:\n{}{advice}", said.trim_end())))
}

/// The directory of our own executable: in cargo's target directory, wherever that is.
fn target_directory() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().map_err(|error| Failure::new(format!("where is this program? {error}")))?;
    own.parent().map(Path::to_path_buf).ok_or_else(|| Failure::new(format!("{} has no directory", own.display())))
}

fn is_newer(file: &Path, than: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|meta| meta.modified());
    matches!((modified(file), modified(than)), (Ok(file), Ok(than)) if file > than)
}

//! The driver as a part of a program that goes on: the event loop on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;

use gearman_driver_front::Handle;

use crate::event_loop::run_with;
use crate::{RunError, Setup};

/// What the event loop's thread says while the driver starts.
enum Word {
    /// The driver can be asked.
    Handle(Handle),
    /// The first host has loaded its worker code.
    Ready,
    /// It has ended before that.
    Ended(Result<u8, RunError>),
}

/// Runs the driver on a thread of its own, and returns once the first host has loaded its worker code. `ended` is called
/// there when the driver has ended after that; dropping the handle does not end it.
///
/// # Errors
/// When the driver cannot start; `ended` is not called then.
pub fn start(mut setup: Setup, ended: impl FnOnce(Result<u8, RunError>) + Send + 'static) -> Result<Handle, RunError> {
    let (words, said) = mpsc::channel();
    setup.embedded = true;
    thread::Builder::new()
        .name("gearman-driver".to_owned())
        .spawn(move || event_loop(setup, &words, ended))
        .map_err(|source| RunError::Setup { what: "the driver's thread", source })?;
    let mut handle = None;
    loop {
        match (said.recv(), handle.take()) {
            (Ok(Word::Handle(given)), _) => handle = Some(given),
            (Ok(Word::Ready), Some(handle)) => return Ok(handle),
            (Ok(Word::Ended(Err(error))), _) => return Err(error),
            (Ok(Word::Ended(Ok(_)) | Word::Ready) | Err(_), _) => {
                let message = "the driver was shut down before it had loaded the worker code";
                return Err(RunError::Ended(message.to_owned()));
            }
        }
    }
}

fn event_loop(mut setup: Setup, words: &Sender<Word>, ended: impl FnOnce(Result<u8, RunError>)) {
    let ready = Arc::new(AtomicBool::new(false));
    let (note, word) = (Arc::clone(&ready), words.clone());
    setup.ready = Some(Box::new(move || {
        note.store(true, Ordering::Relaxed);
        drop(word.send(Word::Ready));
    }));
    let run = || run_with(setup, |handle| drop(words.send(Word::Handle(handle.clone()))));
    // A panic would be a defect of ours; the program around must learn of it all the same.
    let result = catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(RunError::Ended("the driver's event loop panicked".to_owned())));
    if ready.load(Ordering::Relaxed) {
        ended(result);
    } else {
        drop(words.send(Word::Ended(result)));
    }
}

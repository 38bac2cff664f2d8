//! The supervisor's signals, as news.

use std::io;

use gearman_driver_core::manager::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::event_loop::News;

/// Sends each signal that arrives as news.
pub(crate) fn listen(news: &mpsc::Sender<News>) -> io::Result<()> {
    pass_on(SignalKind::terminate(), || News::Signal(Signal::Term), news)?;
    pass_on(SignalKind::interrupt(), || News::Signal(Signal::Int), news)?;
    pass_on(SignalKind::quit(), || News::Signal(Signal::Quit), news)?;
    pass_on(SignalKind::from_raw(nix::libc::SIGABRT), || News::Signal(Signal::Abrt), news)?;
    pass_on(SignalKind::hangup(), || News::Signal(Signal::Hup), news)?;
    pass_on(SignalKind::user_defined1(), || News::ReopenLog, news)?;
    pass_on(SignalKind::child(), || News::ChildEnded, news)
}

fn pass_on(kind: SignalKind, make: fn() -> News, news: &mpsc::Sender<News>) -> io::Result<()> {
    let mut arrivals = signal(kind)?;
    let news = news.clone();
    tokio::spawn(async move {
        while arrivals.recv().await.is_some() {
            if news.send(make()).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

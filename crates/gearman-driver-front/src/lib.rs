//! Temporary.
#![allow(missing_docs)]
use gearman_driver_core::{order::{Order, OrderError}, snapshot::Snapshot};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
pub enum Request { Order { order: Order, reply: oneshot::Sender<Result<(), OrderError>> }, Snapshot { reply: oneshot::Sender<Arc<Snapshot>> } }
#[derive(Clone)]
pub struct Handle { requests: mpsc::Sender<Request> }
impl Handle { pub fn new(requests: mpsc::Sender<Request>) -> Self { Self { requests } }
pub fn order_and_forget(&self, order: Order) { let (reply, _r) = oneshot::channel(); let _ = self.requests.try_send(Request::Order { order, reply }); }
 pub async fn order(&self, order: Order) { let (reply, _r) = oneshot::channel(); let _ = self.requests.send(Request::Order { order, reply }).await; } }
pub async fn serve(_listener: tokio::net::TcpListener, _handle: Handle) {}

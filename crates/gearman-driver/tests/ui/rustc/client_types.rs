#![allow(unused)]
use gearman_driver::Client;
use gearman_driver::prelude::*;

#[derive(serde::Deserialize)]
struct Read;

#[derive(serde::Serialize)]
struct Written;

#[derive(Default)]
struct Image;

#[worker]
impl Image {
    #[job]
    fn convert(&self, Json(read): Json<Read>) -> Json<Written> {
        Json(Written)
    }

    #[job]
    fn nothing(&self) {}
}

fn call(mut client: Client) {
    // Neither is sent or read the other way round.
    let _ = ImageClient::convert(&mut client, &Read);
    // No client.
    let _ = ImageClient::nothing(5);
}

fn main() {}

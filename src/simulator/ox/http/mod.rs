//! Connections: keep-alive and its end as on the real server (`ox-soap.md` 1.2).
//!
//! Written by hand instead of with a library, because the tests need the exact connection behaviour, resets included.

mod reply;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

pub use crate::simulator::http::Request;
pub use reply::Reply;

use super::server::Shared;
use super::{control, exchange};

/// Requests that one connection takes.
const REQUESTS: u32 = 257;
/// How long an idle connection stays open.
const IDLE: Duration = Duration::from_secs(30);

/// Serves a connection until one of the two sides closes it.
pub async fn serve(shared: Arc<Shared>, mut stream: TcpStream) {
    // Answers are written in one piece; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(8 << 10);
    for number in 1..=REQUESTS {
        let request = tokio::time::timeout(IDLE, crate::simulator::http::read(&mut stream, &mut buffer));
        let Ok(Ok(Some(request))) = request.await else { return };
        let close = request.close || number == REQUESTS;
        let reply = route(&shared, request).await;
        if !matches!(reply.send(&mut stream, close).await, Ok(true)) {
            return;
        }
    }
}

async fn route(shared: &Shared, request: Request) -> Reply {
    if let Some(path) = request.path.strip_prefix("/__control/") {
        return control::handle(shared, path, &request);
    }
    if shared.is_out() {
        return Reply::Reset;
    }
    match request.path.strip_prefix("/webservices") {
        Some("" | "/") => exchange::index(shared),
        Some(path) => exchange::call(shared, path.trim_start_matches('/'), &request).await,
        None => Reply::no_service(),
    }
}

//! The admin HTTP server: health and status for probes, tools and people on the same host.
//!
//! It listens on the loopback address unless told otherwise and answers reads only.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Whether the work can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Everything is there.
    Ready,
    /// These things are missing, each with what to do.
    Waiting(Vec<String>),
}

/// What the server shows. Called for each request.
pub trait Report: Send + Sync + 'static {
    /// The answer to `GET /v1/status`.
    fn status(&self) -> Value;
    /// The answer to `GET /readyz`.
    fn readiness(&self) -> Readiness;
}

/// A bound server.
#[derive(Debug)]
pub struct AdminServer {
    listener: TcpListener,
    address: SocketAddr,
}

impl AdminServer {
    /// Binds an address; port 0 takes a free one.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until told to stop.
    pub async fn serve(self, report: Arc<dyn Report>, shutdown: CancellationToken) -> std::io::Result<()> {
        let router = Router::new()
            .route("/v1/status", get(status))
            .route("/livez", get(|| async { "ok\n" }))
            .route("/readyz", get(readiness))
            .with_state(report);
        axum::serve(self.listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await
    }
}

async fn status(State(report): State<Arc<dyn Report>>) -> Json<Value> {
    Json(report.status())
}

async fn readiness(State(report): State<Arc<dyn Report>>) -> Response {
    match report.readiness() {
        Readiness::Ready => (StatusCode::OK, Json(json!({ "ready": true }))).into_response(),
        Readiness::Waiting(missing) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "missing": missing }))).into_response()
        }
    }
}

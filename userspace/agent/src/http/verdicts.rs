//! `GET /v1/verdicts`: every verdict as it is given, as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::body::growing;
use crate::service::{Published, Service};

/// Events that may wait for the socket; behind them the service's own queue fills.
const ROOM: usize = 16;
/// A comment is sent when nothing else was for so long: proxies hang up on silence, and a client that
/// has gone is noticed.
const SILENCE: Duration = Duration::from_secs(15);

/// Verdicts from now on: events `verdict` with the inspection, and `missed` with a count where the client
/// reads more slowly than verdicts come. No image waits for it.
pub(super) async fn follow(State(service): State<Arc<Service>>) -> Response {
    let mut verdicts = service.follow_verdicts();
    drop(service); // a client that looks on does not keep the service
    let (pieces, response) = growing("text/event-stream", ROOM);
    tokio::spawn(async move {
        // The head goes out at once, so that a client knows that it is heard.
        let mut piece = Bytes::from_static(b": verdicts from now on\n\n");
        while pieces.send(piece).await.is_ok() {
            piece = tokio::select! {
                next = timeout(SILENCE, verdicts.recv()) => match next {
                    Err(_) => Bytes::from_static(b":\n\n"),
                    Ok(Ok(published)) => event(&published),
                    Ok(Err(RecvError::Lagged(count))) => missed(count),
                    Ok(Err(RecvError::Closed)) => break,
                },
                () = pieces.closed() => break,
            };
        }
    });
    response
}

fn event(published: &Published) -> Bytes {
    let data = serde_json::to_string(&published.inspection)
        .unwrap_or_else(|error| format!("{{\"error\":{:?}}}", error.to_string()));
    format!("id: {}\nevent: verdict\ndata: {data}\n\n", published.sequence).into()
}

fn missed(count: u64) -> Bytes {
    format!("event: missed\ndata: {{\"missed\":{count}}}\n\n").into()
}

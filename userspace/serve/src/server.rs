//! The doors: REST, gRPC, metrics.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tonic::transport::server::TcpIncoming;

use crate::settings::Level;
use crate::{Core, grpc, metrics, rest};

/// What is under way may take so long once the server stops.
const GO_WITHIN: Duration = Duration::from_secs(10);

/// Bytes that a gRPC client may send ahead of being read: an image's tensor in one go. HTTP/2's own
/// 64 KiB would have it wait for this program every 64 KiB.
const STREAM_WINDOW: u32 = 4 << 20;
/// The same for all requests of a connection together.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Listeners that are open already; `None` is a door that is not wanted.
#[derive(Debug, Default)]
pub struct Doors {
    /// HTTP.
    pub rest: Option<TcpListener>,
    /// gRPC.
    pub grpc: Option<TcpListener>,
    /// Prometheus.
    pub metrics: Option<TcpListener>,
}

impl Doors {
    /// Opens the doors at addresses.
    ///
    /// # Errors
    /// With the address that cannot be opened.
    pub async fn open(
        rest: Option<&str>,
        grpc: Option<&str>,
        metrics: Option<&str>,
    ) -> Result<Self, (String, std::io::Error)> {
        async fn bind(at: Option<&str>) -> Result<Option<TcpListener>, (String, std::io::Error)> {
            match at {
                None => Ok(None),
                Some(at) => {
                    TcpListener::bind(at).await.map(Some).map_err(|error| (at.to_owned(), error))
                }
            }
        }
        Ok(Self { rest: bind(rest).await?, grpc: bind(grpc).await?, metrics: bind(metrics).await? })
    }

    /// Where those that are open are, by name.
    pub fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        let doors = [("rest", &self.rest), ("grpc", &self.grpc), ("metrics", &self.metrics)];
        let open = doors
            .into_iter()
            .filter_map(|(name, door)| Some((name, door.as_ref()?.local_addr().ok()?)));
        open.collect()
    }

    /// Whether only this machine can bring requests in.
    pub fn are_local(&self) -> bool {
        let addresses = self.addresses().into_iter();
        let mut requests = addresses.filter(|(name, _)| *name != "metrics");
        requests.all(|(_, address)| address.ip().is_loopback())
    }
}

/// Loads every model while the doors are open already, and serves until `stop` is true; then takes
/// no more and lets what is under way go out.
///
/// # Errors
/// Where a door breaks.
pub async fn serve(
    core: Arc<Core>,
    doors: Doors,
    stop: watch::Receiver<bool>,
) -> Result<(), std::io::Error> {
    let until = |mut stop: watch::Receiver<bool>| async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    // A thread of its own: nobody waits at the end for a model that takes its time.
    let (loading, stopped) = (core.clone(), stop.clone());
    std::thread::spawn(move || load_and_watch(&loading, &stopped));
    let http = pages(doors.rest, rest::router(core.clone()), until(stop.clone()));
    let scrapes = pages(doors.metrics, metrics::router(core.clone()), until(stop.clone()));
    let (rpc, rpc_stop) = (core.clone(), until(stop.clone()));
    let rpc = async move {
        match doors.grpc {
            Some(door) => tonic::transport::Server::builder()
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .add_service(grpc::service(rpc))
                // An answer that waits for the client's acknowledgement waits 40 ms.
                .serve_with_incoming_shutdown(
                    TcpIncoming::from(door).with_nodelay(Some(true)),
                    rpc_stop,
                )
                .await
                .map_err(std::io::Error::other),
            None => {
                rpc_stop.await;
                Ok(())
            }
        }
    };
    let served = tokio::select! {
        served = async { tokio::try_join!(http, rpc, scrapes) } => served.map(drop),
        // A client that holds its stream open holds nobody up for longer.
        () = async { until(stop).await; tokio::time::sleep(GO_WITHIN).await } => Ok(()),
    };
    let (stopped, wait) = oneshot::channel();
    std::thread::spawn(move || {
        core.repository.stop();
        let _ = stopped.send(());
    });
    let _ = tokio::time::timeout(GO_WITHIN, wait).await;
    served
}

/// Serves HTTP at a door, if it is wanted, until `stop` is over.
async fn pages(
    door: Option<TcpListener>,
    router: axum::Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), std::io::Error> {
    match door {
        Some(door) => {
            let door = door.tap_io(|stream| drop(stream.set_nodelay(true)));
            axum::serve(door, router).with_graceful_shutdown(stop).await
        }
        None => {
            stop.await;
            Ok(())
        }
    }
}

/// Loads every model; then looks for changes as often as is wanted, until told to stop.
fn load_and_watch(core: &Core, stopped: &watch::Receiver<bool>) {
    if let Err(error) = core.repository.load_all() {
        core.log.write(Level::Error, || format!("no model is served: {error}"));
    }
    while let Some(interval) = core.poll {
        let until = Instant::now() + interval;
        while Instant::now() < until {
            if *stopped.borrow() {
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            std::thread::sleep(left.min(Duration::from_millis(100)));
        }
        core.repository.poll();
    }
}

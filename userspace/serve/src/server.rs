//! The two doors.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio_stream::wrappers::TcpListenerStream;

use crate::settings::Level;
use crate::{Core, grpc, rest};

/// What is under way may take so long once the server stops.
const GO_WITHIN: Duration = Duration::from_secs(10);

/// Listeners that are open already; `None` is a door that is not wanted.
#[derive(Debug, Default)]
pub struct Doors {
    /// HTTP.
    pub rest: Option<TcpListener>,
    /// gRPC.
    pub grpc: Option<TcpListener>,
}

impl Doors {
    /// Opens the doors at addresses.
    ///
    /// # Errors
    /// With the address that cannot be opened.
    pub async fn open(
        rest: Option<&str>,
        grpc: Option<&str>,
    ) -> Result<Self, (String, std::io::Error)> {
        async fn bind(at: Option<&str>) -> Result<Option<TcpListener>, (String, std::io::Error)> {
            match at {
                None => Ok(None),
                Some(at) => {
                    TcpListener::bind(at).await.map(Some).map_err(|error| (at.to_owned(), error))
                }
            }
        }
        Ok(Self { rest: bind(rest).await?, grpc: bind(grpc).await? })
    }

    /// Where they are, REST first.
    pub fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let at = |door: &Option<TcpListener>| door.as_ref().and_then(|door| door.local_addr().ok());
        (at(&self.rest), at(&self.grpc))
    }

    /// Whether only this machine can come in.
    pub fn are_local(&self) -> bool {
        let (rest, grpc) = self.addresses();
        rest.iter().chain(&grpc).all(|address| address.ip().is_loopback())
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
    // Threads of their own: nobody waits at the end for a model that takes its time.
    let loading = core.clone();
    std::thread::spawn(move || {
        if let Err(error) = loading.repository.load_all() {
            let text = || format!("no model is served: {error}");
            loading.log.write(Level::Error, text);
        }
    });
    let (http, rpc) = (core.clone(), core.clone());
    let (http_stop, rpc_stop) = (until(stop.clone()), until(stop.clone()));
    let http = async move {
        match doors.rest {
            Some(door) => {
                axum::serve(door, rest::router(http)).with_graceful_shutdown(http_stop).await
            }
            None => {
                http_stop.await;
                Ok(())
            }
        }
    };
    let rpc = async move {
        match doors.grpc {
            Some(door) => tonic::transport::Server::builder()
                .add_service(grpc::service(rpc))
                .serve_with_incoming_shutdown(TcpListenerStream::new(door), rpc_stop)
                .await
                .map_err(std::io::Error::other),
            None => {
                rpc_stop.await;
                Ok(())
            }
        }
    };
    let served = tokio::select! {
        served = async { tokio::try_join!(http, rpc) } => served.map(drop),
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

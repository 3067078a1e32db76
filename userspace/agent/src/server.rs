//! Serves the control protocol: on a unix socket, or on any stream inside the process.

use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};

use crate::api::ApiError;
use crate::control::frame::{self, FrameError};
use crate::control::{PROTOCOL, Request, Response};
use crate::service::Service;

/// Clients at once; more wait to be accepted.
const CLIENTS: usize = 32;
/// Time for a client's first words.
const HELLO_WITHIN: Duration = Duration::from_secs(5);
/// Log lines of one message.
const LOG_BATCH: usize = 256;

/// agentd's socket where it runs as a service.
const SYSTEM_SOCKET: &str = "/run/tandem/agent.sock";

/// Where agentd makes its socket if nobody says: in the user's own runtime folder where there is one.
pub fn default_socket() -> PathBuf {
    let own = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    own.map_or_else(
        || PathBuf::from(SYSTEM_SOCKET),
        |folder| PathBuf::from(folder).join("tandem-agent.sock"),
    )
}

/// The socket to look behind if nobody says: the user's own agent, else the system's.
pub fn find_socket() -> PathBuf {
    Some(default_socket())
        .filter(|own| own.exists())
        .unwrap_or_else(|| PathBuf::from(SYSTEM_SOCKET))
}

/// Why the socket could not be opened.
#[derive(Debug, Error)]
pub enum SocketError {
    /// Another agent answers there.
    #[error("Socket {0}: another agentd serves it, stop it or use --socket")]
    InUse(PathBuf),
    /// Something that is no socket lies there.
    #[error("Socket {0}: a file that is no socket is in the way, remove it or use --socket")]
    NotASocket(PathBuf),
    /// The system refused.
    #[error("Socket {path}: {source}")]
    System {
        /// Path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A listening socket; its file goes away with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file that was made.
    file: (u64, u64),
}

impl Socket {
    /// Binds with mode 0600. A socket that an agent left behind is replaced, a live one is not.
    /// Must be called inside a tokio runtime.
    pub fn bind(path: &Path) -> Result<Socket, SocketError> {
        let system = |source| SocketError::System { path: path.to_owned(), source };
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(system(error)),
            Ok(file) if !file.file_type().is_socket() => {
                return Err(SocketError::NotASocket(path.to_owned()));
            }
            Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path).map_err(system)?;
                }
                Ok(_) => return Err(SocketError::InUse(path.to_owned())),
                Err(error) => return Err(system(error)),
            },
        }
        let listener = UnixListener::bind(path).map_err(system)?;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path, mode).map_err(system)?;
        let file = std::fs::symlink_metadata(path).map_err(system)?;
        Ok(Socket { listener, path: path.to_owned(), file: (file.dev(), file.ino()) })
    }

    /// Serves clients until the task is dropped.
    pub async fn serve(&self, service: Arc<Service>) {
        let clients = Arc::new(Semaphore::new(CLIENTS));
        loop {
            let Ok(permit) = clients.clone().acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) if same_user(&stream) => {
                    let service = service.clone();
                    tokio::spawn(async move {
                        serve_stream(service, stream).await;
                        drop(permit);
                    });
                }
                Ok(_) => {} // another user got in before the mode was set: hang up
                // Out of descriptors, most likely: give the others time to finish.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Only our own file: after a takeover the path is somebody else's.
        let ours = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|file| (file.dev(), file.ino()) == self.file);
        if ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The peer runs as this process's user, or as root.
fn same_user(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

/// Serves one client until it goes away, on any byte stream.
pub async fn serve_stream(service: Arc<Service>, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    // A client that breaks the protocol or the connection gets what can still be sent.
    if let Err(error @ (FrameError::TooLarge(_) | FrameError::Malformed(_))) =
        converse(service, &mut stream).await
    {
        let answer = Response::Error(ApiError::new("bad_message", "message", error.to_string()));
        let _ = frame::write(&mut stream, &answer).await;
    }
}

async fn converse(
    service: Arc<Service>,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<(), FrameError> {
    match tokio::time::timeout(HELLO_WITHIN, frame::read(stream)).await {
        Ok(hello) => match hello? {
            Some(Request::Hello { protocol: PROTOCOL, .. }) => {
                let server = concat!("agentd ", env!("CARGO_PKG_VERSION")).to_owned();
                frame::write(stream, &Response::Hello { protocol: PROTOCOL, server }).await?;
            }
            Some(Request::Hello { protocol, .. }) => {
                let message = format!(
                    "agentd speaks protocol {PROTOCOL}, the client {protocol}: use programs of one \
                     release"
                );
                let error = ApiError::new("protocol_version", "protocol", message);
                return frame::write(stream, &Response::Error(error)).await;
            }
            Some(_) => {
                let error = ApiError::new("protocol_hello", "message", "The first must be Hello");
                return frame::write(stream, &Response::Error(error)).await;
            }
            None => return Ok(()),
        },
        Err(_) => return Ok(()),
    }
    while let Some(request) = frame::read(stream).await? {
        match request {
            Request::Logs { follow } => logs(&service, stream, follow).await?,
            Request::Bench { image, count, warmup, in_flight } => {
                let (sender, mut progress) = mpsc::channel(1);
                let service = service.clone();
                let bench = tokio::spawn(async move {
                    let report = |done, total| {
                        // Progress that the client has no time for is skipped.
                        let _ = sender.try_send((done, total));
                    };
                    service.bench(image, count, warmup, in_flight, report).await
                });
                let _stop = AbortOnDrop(bench.abort_handle());
                while let Some((done, total)) = progress.recv().await {
                    frame::write(stream, &Response::Progress(done, total)).await?;
                }
                let answer = bench.await.unwrap_or_else(|_| {
                    Err(ApiError::new("bench_failed", "bench", "The measuring task ended early"))
                });
                frame::write(stream, &answer.map_or_else(Response::Error, Response::Bench)).await?;
            }
            request => {
                let answer = answer(&service, request).await.unwrap_or_else(Response::Error);
                frame::write(stream, &answer).await?;
            }
        }
    }
    Ok(())
}

/// A measurement ends with the client that asked for it.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn answer(service: &Arc<Service>, request: Request) -> Result<Response, ApiError> {
    Ok(match request {
        Request::Status => Response::Status(service.status().await),
        Request::Stats => Response::Stats(service.stats()),
        Request::Inspect(image) => Response::Inspection(service.inspect(image).await?),
        Request::Tensor(image) => Response::Tensor(service.tensor(image).await?),
        Request::Explain(image) => {
            let (inspection, explanation) = service.explain(image).await?;
            Response::Explained(inspection, explanation)
        }
        Request::Ping { count } => Response::Ping(service.ping(count).await?),
        Request::Crashes => {
            let (crashes, damaged) = service.crashes();
            Response::Crashes(crashes, damaged)
        }
        Request::RestartCore => Response::Status(service.restart_core().await?),
        Request::Reboot => {
            service.reboot().await?;
            Response::Done
        }
        Request::FirmwareInfo => {
            Response::Firmware(apart(service, |service| service.firmware()).await?)
        }
        Request::FirmwareCheck(bundle) => Response::FirmwareGood(
            apart(service, move |service| service.check_firmware(&bundle)).await?,
        ),
        Request::FirmwareUpdate(bundle) => Response::Firmware(
            apart(service, move |service| service.update_firmware(&bundle)).await?,
        ),
        Request::BitstreamList => {
            Response::Bitstreams(apart(service, |service| service.bitstreams()).await?)
        }
        Request::BitstreamCurrent => {
            Response::Bitstream(apart(service, |service| service.bitstream()).await?)
        }
        Request::BitstreamCheck(name) => Response::Bitstreams(vec![
            apart(service, move |service| service.check_bitstream(&name)).await?,
        ]),
        Request::BitstreamLoad(name) => {
            Response::Bitstream(apart(service, move |service| service.load_bitstream(&name)).await?)
        }
        Request::BoardInfo => Response::Board(apart(service, |service| service.board()).await?),
        Request::Channels => {
            Response::Channels(apart(service, |service| Ok(service.channels())).await?)
        }
        Request::FaultList => Response::Faults(service.faults()?),
        Request::FaultInject(name) => Response::Faults(service.inject(&name)?),
        Request::FaultClear => Response::Faults(service.clear_faults()?),
        Request::RecipeList => Response::Recipes(service.recipes()?),
        Request::RecipeCheck { file, text } => {
            Response::Recipes(vec![service.check_recipe(&file, &text)?])
        }
        Request::RecipeSwitch(name) => Response::Recipes(vec![service.switch_recipe(&name)?]),
        Request::PolicyCheck { file, text } => {
            Response::Policy(service.check_policy(&file, &text)?)
        }
        Request::PolicyApply { file, text } => {
            Response::Policy(service.apply_policy(&file, &text)?)
        }
        Request::PolicyShow => Response::Policy(service.show_policy()?),
        Request::PolicyExplain(image) => {
            Response::PolicyExplained(service.explain_policy(image).await?)
        }
        Request::Kernel { .. } => {
            let message = "A serving agent does not lend its kernels; use --target virtual, or \
                           --on model";
            return Err(ApiError::new("kernel_unsupported", "board", message));
        }
        Request::Hello { .. } | Request::Logs { .. } | Request::Bench { .. } => {
            return Err(ApiError::new("protocol_order", "message", "Hello comes once, first"));
        }
    })
}

/// Runs what blocks, to its end whatever becomes of the client.
async fn apart<T: Send + 'static>(
    service: &Arc<Service>,
    work: impl FnOnce(&Service) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let service = service.clone();
    let ended = tokio::task::spawn_blocking(move || work(&service)).await;
    ended.unwrap_or_else(|_| {
        Err(ApiError::new(
            "agent_failed",
            "agent",
            "The work ended early; see agentd's own messages",
        ))
    })
}

async fn logs(
    service: &Service,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    follow: bool,
) -> Result<(), FrameError> {
    service.logs().settle().await;
    let mut next = 0;
    loop {
        let lines;
        (lines, next) =
            if follow { service.logs().next(next).await } else { service.logs().since(next) };
        for batch in lines.chunks(LOG_BATCH) {
            frame::write(stream, &Response::Logs(batch.to_vec())).await?;
        }
        if !follow {
            return frame::write(stream, &Response::Done).await;
        }
    }
}

#[cfg(test)]
mod tests;

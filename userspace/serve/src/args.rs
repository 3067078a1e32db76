//! The options of a program that serves: agentd's and `tandem-serve`'s.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use tandem_engine::EngineOptions;

use crate::server::Doors;
use crate::{Core, Options};

/// Open Inference Protocol (KServe v2)
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Open Inference Protocol (KServe v2)")]
pub struct ServeArgs {
    /// Address of its REST door, such as 127.0.0.1:8000; closed without it
    #[arg(long, value_name = "ADDRESS")]
    pub serve_rest: Option<String>,
    /// Address of its gRPC door, such as 127.0.0.1:8001; closed without it
    #[arg(long, value_name = "ADDRESS")]
    pub serve_grpc: Option<String>,
    /// Address of its metrics, GET /metrics for Prometheus, such as 127.0.0.1:8002; closed without it
    #[arg(long, value_name = "ADDRESS")]
    pub serve_metrics: Option<String>,
    /// Folder of any ONNX models, NAME/VERSION/model.onnx, with NAME/config.pbtxt if you like
    #[arg(long, value_name = "DIR")]
    pub serve_models: Option<PathBuf>,
    /// Largest body and message, in bytes
    #[arg(long, value_name = "N", default_value_t = crate::DEFAULT_MAX_BYTES as u64,
          value_parser = clap::value_parser!(u64).range(1024..=2_147_483_648))]
    pub serve_max_bytes: u64,
    /// Look at the folder of models every so many seconds: new versions that SHA256SUMS says are
    /// complete are loaded, those that are gone are unloaded; 0: only when a client asks
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds)]
    pub serve_poll: f64,
    /// Memory that all models may take together, in bytes; a version is taken to need four times its
    /// file for each instance. A load above it is refused; without it, none is
    #[arg(long, value_name = "BYTES")]
    pub serve_memory: Option<u64>,
    /// Let clients of this machine hand over tensors in POSIX shared memory: whoever reaches a door
    /// can then read and write any that this process can
    #[arg(long)]
    pub allow_shared_memory: bool,
    /// Where traces go that clients switch on, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub trace_file: Option<PathBuf>,
}

/// From 0 to a day.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0 to 86400 should be here".into()),
    }
}

impl ServeArgs {
    /// Opens the doors; `None` where no door is wanted.
    ///
    /// # Errors
    /// Names the option that cannot be followed.
    pub async fn open(&self, engine: EngineOptions) -> anyhow::Result<Option<(Arc<Core>, Doors)>> {
        if self.serve_rest.is_none() && self.serve_grpc.is_none() {
            if self.serve_metrics.is_some() {
                bail!("--serve-metrics needs --serve-rest or --serve-grpc beside it");
            }
            return Ok(None);
        }
        let Some(models) = &self.serve_models else {
            bail!("--serve-rest and --serve-grpc need --serve-models DIR");
        };
        if !models.is_dir() {
            bail!("--serve-models {} is no folder", models.display());
        }
        let doors = Doors::open(
            self.serve_rest.as_deref(),
            self.serve_grpc.as_deref(),
            self.serve_metrics.as_deref(),
        );
        let doors = doors.await.map_err(|(at, error)| {
            let text =
                format!("--serve-rest, --serve-grpc or --serve-metrics {at} cannot be opened");
            anyhow::Error::from(error).context(text)
        })?;
        if self.allow_shared_memory && !doors.are_local() {
            bail!("--allow-shared-memory is for doors on a loopback address, such as 127.0.0.1");
        }
        let options = Options {
            models: models.clone(),
            engine,
            allow_shared_memory: self.allow_shared_memory,
            max_bytes: usize::try_from(self.serve_max_bytes).context("--serve-max-bytes")?,
            memory: self.serve_memory,
            poll: (self.serve_poll > 0.0).then(|| Duration::from_secs_f64(self.serve_poll)),
            trace_file: self.trace_file.clone(),
        };
        let core = Core::new(&options).context("--trace-file cannot be opened")?;
        Ok(Some((Arc::new(core), doors)))
    }
}

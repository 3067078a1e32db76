//! `agentctl demo`: one narrated run of a line of parts, with faults on the way.

mod act;
mod conveyor;
mod record;
mod score;
mod timeline;
mod view;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use tandem_agent::api::ApiError;
use tandem_agent::health::HealthConfig;
use tandem_agent::service::Service;
use tandem_agent::setup::JOIN_WITHIN;

use crate::cli::Cli;
use crate::command::setup;
use crate::output::Output;
use crate::{EXIT_FAILED, EXIT_OK};
use act::Act;
use conveyor::Conveyor;
use record::Photo;
use score::Score;
use view::View;

/// Trigger to reject. A real line knows it from the belt's speed; here it leaves room for a main
/// model on two busy CPU cores.
const DUE_AFTER: Duration = Duration::from_millis(1800);
/// Length of the reject pulse.
const PULSE: Duration = Duration::from_millis(20);
/// From the hang to the restart, so that there is something to see.
const OUTAGE: Duration = Duration::from_millis(1500);

/// `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Exit 1 unless every promise of the scoreboard holds
    #[arg(long)]
    pub check: bool,
    /// Fewer photographs and faults: under half a minute
    #[arg(long)]
    pub quick: bool,
    /// Photographs; `.tandem/photos` upward from here without it
    #[arg(long, value_name = "DIR")]
    pub photos: Option<PathBuf>,
    /// Where pictures and the timeline go
    #[arg(long, value_name = "DIR", default_value = ".tandem/demo")]
    pub out: PathBuf,
}

/// Runs the whole sequence.
///
/// # Errors
/// Something could not be started, read or written. A broken promise is an exit code.
pub async fn run(cli: &Cli, demo: &Demo, output: &mut Output) -> anyhow::Result<u8> {
    let photos = load_photos(demo)?;
    std::fs::create_dir_all(&demo.out)
        .with_context(|| format!("{} cannot be made", demo.out.display()))?;
    let service = start(cli)?;
    if !service.wait_ready(JOIN_WITHIN).await {
        bail!("The firmware did not join within {} s", JOIN_WITHIN.as_secs());
    }
    wait_for_line(&service).await?;
    let mut view = View::new(output.is_json(), cli.local.pl);
    view.opening(&service.status().await);
    let mut score = Score::default();
    let mut conveyor = Conveyor::new(&service, &demo.out);
    for act in act::all(demo.quick) {
        play(&act, &photos, &mut conveyor, &mut view, &mut score).await?;
    }
    let timeline = demo.out.join("timeline.svg");
    let title = "Tandem on the virtual board: parts from trigger to gate (simulated hardware)";
    let picture = timeline::draw(&conveyor.parts, &conveyor.marks, title);
    std::fs::write(&timeline, picture)
        .with_context(|| format!("{} cannot be written", timeline.display()))?;
    score.finish(&service, &conveyor.parts)?;
    view.closing(&score, &service.stats(), &demo.out);
    if output.is_json() {
        output.answer(&score.summary(), "")?;
    }
    Ok(if demo.check && !score.holds() { EXIT_FAILED } else { EXIT_OK })
}

/// Waits until the gate gives tags: it has its settings from the firmware, and no part from before
/// them can be on the line.
async fn wait_for_line(service: &Service) -> anyhow::Result<()> {
    let line = service.agent().line().context("This board has no simulated line")?;
    let ready = async {
        while !line.ready() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(JOIN_WITHIN, ready).await;
    waited.map_err(|_| anyhow!("The gate was not ready within {} s", JOIN_WITHIN.as_secs()))
}

fn start(cli: &Cli) -> anyhow::Result<Arc<Service>> {
    let mut setup = setup(cli)?;
    if cli.recipe.is_none() {
        "people-and-vehicles".clone_into(&mut setup.recipe);
    }
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    setup.agent.gate = Some((nanos(DUE_AFTER), nanos(PULSE)));
    setup.agent.health = HealthConfig { restart_after: nanos(OUTAGE), ..HealthConfig::default() };
    Ok(tokio::task::block_in_place(|| setup.start()).map_err(ApiError::from)?)
}

async fn play(
    act: &Act,
    photos: &[Photo],
    conveyor: &mut Conveyor<'_>,
    view: &mut View,
    score: &mut Score,
) -> anyhow::Result<()> {
    view.title(act);
    let before = conveyor.service.stats();
    conveyor.plant(act)?;
    let first = conveyor.parts.len();
    for index in 0..act.parts {
        conveyor.feed(&photos[index % photos.len()], view).await?;
    }
    conveyor.settle(act, view).await?;
    let after = conveyor.service.stats();
    let verdict = score.judge(act, &before, &after, &conveyor.parts[first..]);
    view.judgement(&verdict);
    Ok(())
}

/// Photographs that the model knows something about, and some that it does not.
fn load_photos(demo: &Demo) -> anyhow::Result<Vec<Photo>> {
    const NAMES: [&str; 8] = [
        "bus.jpg",
        "coffee.png",
        "zidane.jpg",
        "rocket.jpg",
        "motorcycle_left.png",
        "chelsea.png",
        "astronaut.png",
        "coins.png",
    ];
    let folder = match &demo.photos {
        Some(folder) => folder.clone(),
        None => find_photos()?,
    };
    let wanted = if demo.quick { &NAMES[..4] } else { &NAMES[..] };
    wanted
        .iter()
        .map(|name| {
            let path = folder.join(name);
            let bytes = std::fs::read(&path).with_context(|| {
                format!("{} cannot be read; scripts/setup fetches it", path.display())
            })?;
            Ok(Photo { name: (*name).to_owned(), bytes })
        })
        .collect()
}

fn find_photos() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir().context("The current folder cannot be read")?;
    here.ancestors()
        .map(|folder: &Path| folder.join(".tandem/photos"))
        .find(|path| path.is_dir())
        .context("No photographs: run scripts/setup, or name a folder with --photos")
}

//! The R5F's firmware: what runs, is a bundle good, run it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tandem_link::board::CoreState;
use tandem_link::layout::LAYOUT_VERSION;

use super::Service;
use crate::api::ApiError;
use crate::firmware::{self, Bundle, FirmwareError, Manifest, StoreError, manifest_of, sha256};

/// The R5F's firmware.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareReport {
    /// Board's name.
    pub board: String,
    /// Version, where a manifest beside the image tells; agentd's own where it is part of agentd.
    pub version: Option<String>,
    /// The file that the core loads; `None` where the firmware is part of agentd.
    pub image: Option<String>,
    /// SHA-256 of that file.
    pub sha256: Option<String>,
    /// The image is an update, which stands in for the installed one.
    pub update: bool,
    /// Version of the link's layout.
    pub link: u32,
    /// State of the core: `running`, `stopped`, `crashed`.
    pub core: String,
    /// Epoch that the firmware announced; 0 for none.
    pub epoch: u32,
    /// What is to be known besides.
    pub notes: Vec<String>,
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        let path = error.path.display().to_string();
        ApiError::new("state_unwritable", path, error.to_string())
    }
}

pub(super) fn core_word(state: CoreState) -> &'static str {
    match state {
        CoreState::Running => "running",
        CoreState::Stopped => "stopped",
        CoreState::Crashed => "crashed",
    }
}

impl Service {
    /// The firmware that runs, or would. Blocks: it reads the image.
    ///
    /// # Errors
    /// `busy`.
    pub fn firmware(&self) -> Result<FirmwareReport, ApiError> {
        let busy = |why: String| ApiError::new("busy", "agent", why);
        let core = self.agent.core();
        let mut report = FirmwareReport {
            board: self.info.board.clone(),
            version: None,
            image: None,
            sha256: None,
            update: false,
            link: LAYOUT_VERSION,
            core: core_word(core.state()).to_owned(),
            epoch: self.peer().map_err(busy)?.epoch,
            notes: self.care.notes.clone(),
        };
        let Some(image) = core.image() else {
            report.version = Some(env!("CARGO_PKG_VERSION").to_owned());
            return Ok(report);
        };
        report.update = image != self.care.installed;
        report.image = Some(image.display().to_string());
        match std::fs::read(&image) {
            Ok(bytes) => report.sha256 = Some(sha256(&bytes)),
            Err(error) => report.notes.push(format!("{}: {error}", image.display())),
        }
        match version(&image, report.sha256.as_deref()) {
            Ok(version) => report.version = Some(version),
            Err(why) => report.notes.push(why),
        }
        Ok(report)
    }

    /// Holds a bundle against this board; nothing is touched.
    ///
    /// # Errors
    /// `firmware_syntax`, `firmware_value`, `firmware_differs`, `firmware_image`, `firmware_builtin`.
    pub fn check_firmware(&self, bundle: &Bundle) -> Result<Manifest, ApiError> {
        Ok(firmware::check(bundle, &self.care.board)?)
    }

    /// Runs a bundle's image in place of what runs, under a new epoch. Jobs under way end before, and
    /// those that come go by the CPU. If the new firmware is not well in time, the one from before runs
    /// again. Blocks, a minute at most where the R5F is emulated.
    ///
    /// # Errors
    /// As [`Service::check_firmware`], `state_unwritable`, `busy`: nothing was touched.
    /// `firmware_rolled_back`: what ran before runs again. `firmware_failed`: nothing runs.
    pub fn update_firmware(&self, bundle: &Bundle) -> Result<FirmwareReport, ApiError> {
        let _alone = self.alone()?;
        let manifest = self.check_firmware(bundle)?;
        let builtin = || ApiError::from(FirmwareError::NoCore(self.info.board.clone()));
        let before = self.agent.core().image().ok_or_else(builtin)?;
        let store = &self.care.store;
        let staged = store.stage(bundle, &manifest)?;
        let held = self.hold()?;
        store.try_out()?;
        self.note(
            "info",
            format!("firmware {}: in place of {}", manifest.version, before.display()),
        );
        let kept =
            || store.commit(&staged, &self.care.installed).map_err(|error| error.to_string());
        let outcome = self.switch(&staged).and_then(|()| kept());
        let rolled = match outcome {
            Ok(()) => None,
            Err(why) => Some(self.roll_back(&manifest, &why, &before)),
        };
        drop(held);
        rolled.map_or_else(|| self.firmware(), Err)
    }

    fn switch(&self, image: &Path) -> Result<(), String> {
        self.stop_core()?;
        self.start_core(Some(image))
    }

    fn roll_back(&self, manifest: &Manifest, why: &str, before: &Path) -> ApiError {
        let (version, old) = (&manifest.version, before.display());
        let (code, end) = match self.switch(before) {
            Ok(()) => ("firmware_rolled_back", format!("{old} runs again")),
            Err(worse) => (
                "firmware_failed",
                format!("{old} does not run either: {worse}; the CPU stands in"),
            ),
        };
        let _ = self.care.store.take_trial();
        let message = format!("Firmware {version}: {why}; {end}");
        self.note("error", message.clone());
        ApiError::new(code, "image", message)
    }
}

/// The version in the manifest beside an image, if it is that image's.
fn version(image: &Path, hash: Option<&str>) -> Result<String, String> {
    let path = manifest_of(image);
    let file = path.display().to_string();
    let text = std::fs::read_to_string(&path)
        .map_err(|_| format!("{file} is not there: the version is not known"))?;
    let manifest = Manifest::parse(&text, &file).map_err(|error| error.to_string())?;
    match hash == Some(manifest.image.sha256.as_str()) {
        true => Ok(manifest.version),
        false => Err(format!("{file} belongs to another image: the version is not known")),
    }
}

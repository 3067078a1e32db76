//! A whole service for tests: the virtual board, the firmware, the data plane, and an engine that
//! puts out one planned object.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tandem_engine::{Capabilities, Engine, EngineError};

use super::Service;
use crate::control::ImageRequest;
use crate::setup::Setup;

/// Sees one object in the middle of every image, of class 0, whatever the image.
struct OneObject;

/// Logit of a score near one, and of one near zero.
const SURE: f32 = 8.0;
const NEVER: f32 = -12.0;

impl Engine for OneObject {
    fn name(&self) -> &'static str {
        "one-object"
    }

    fn describe(&self) -> String {
        "one planned object".to_owned()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { reads_in_place: true, writes_in_place: true }
    }

    fn run(&mut self, _tensor: &[u8], heads: &mut [u8]) -> Result<(), EngineError> {
        for number in heads.as_chunks_mut().0 {
            *number = NEVER.to_le_bytes();
        }
        // The first head is 13 x 13; cell (6, 6) of the first anchor: x, y, w, h, object, class 0.
        for (plane, value) in [0.0, 0.0, 0.0, 0.0, SURE, SURE].into_iter().enumerate() {
            let at = (plane * 13 * 13 + 6 * 13 + 6) * 4;
            heads[at..at + 4].copy_from_slice(&f32::to_le_bytes(value));
        }
        Ok(())
    }
}

/// The repository's `userspace` folder.
pub(crate) fn userspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Starts a service with `recipes`, the first in force, and waits for the firmware. Inside a
/// runtime.
pub(crate) async fn service(folder: &Path, recipes: &[(&str, &str)]) -> Arc<Service> {
    for (name, text) in recipes {
        std::fs::write(folder.join(format!("{name}.toml")), text).unwrap();
    }
    let mut setup = Setup::near(&userspace());
    setup.models = userspace().join("models");
    setup.recipes = folder.to_owned();
    setup.recipe = recipes[0].0.to_owned();
    let prepared = setup.prepare().unwrap();
    let service = setup.start_with(prepared, Box::new(OneObject)).unwrap();
    assert!(service.wait_ready(Duration::from_secs(20)).await, "the firmware joins");
    service
}

/// Recipes for [`service`]: one that passes, one that fails, one that is broken.
pub(crate) const RECIPES: [(&str, &str); 3] = [
    ("passes", "model = \"yolov3-tiny/1\"\n"),
    (
        "fails",
        "model = \"yolov3-tiny/1\"\n[[rules]]\nname = \"empty\"\nkind = \"count\"\nmax = 0\n",
    ),
    ("broken", "model = \"yolov3-tiny/1\"\nwidth = 4\n"),
];

/// The test card as a request.
pub(crate) fn card() -> ImageRequest {
    ImageRequest {
        name: "card.jpg".to_owned(),
        bytes: include_bytes!("../../testdata/baseline.jpg").to_vec().into(),
        ..ImageRequest::default()
    }
}

/// Runs a test that needs the service.
pub(crate) fn with_service<F: Future<Output = ()>>(test: impl FnOnce(Arc<Service>) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let service = service(folder.path(), &RECIPES).await;
        test(service).await;
    });
}

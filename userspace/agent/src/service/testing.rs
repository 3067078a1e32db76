//! A whole service for tests: the virtual board, the firmware, the data plane, and an engine that
//! puts out one planned object.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Service;
use crate::control::ImageRequest;
use crate::gate::GateOption;
use crate::setup::Setup;
use crate::testing::one_object::OneObject;

/// The repository's `userspace` folder.
pub(crate) fn userspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Starts a service with `recipes`, the first in force, and waits for the firmware. Inside a
/// runtime. With `gate` it sets the reject gate.
pub(crate) async fn service(
    folder: &Path,
    recipes: &[(&str, &str)],
    gate: Option<GateOption>,
) -> Arc<Service> {
    for (name, text) in recipes {
        std::fs::write(folder.join(format!("{name}.toml")), text).unwrap();
    }
    let mut setup = Setup::near(&userspace());
    setup.models = userspace().join("models");
    setup.recipes = folder.to_owned();
    setup.recipe = recipes[0].0.to_owned();
    setup.gate = gate;
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
    with_gate(None, test);
}

/// Runs a test that needs the service on a line with a reject gate.
pub(crate) fn with_gate<F: Future<Output = ()>>(
    gate: Option<GateOption>,
    test: impl FnOnce(Arc<Service>) -> F,
) {
    let folder = tempfile::tempdir().unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let service = service(folder.path(), &RECIPES, gate).await;
        test(service).await;
    });
}

//! Finding and loading ONNX Runtime's shared library, once per process.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ort::environment::Environment;
use ort::logging::LogLevel;

use crate::{EngineError, elf, without_panic};

/// Where setup puts the library, below the repository's root.
const LOCAL: &str = ".tandem/lib/libonnxruntime.so";
/// Name under which the dynamic loader is asked for the system's library.
const SYSTEM: &str = "libonnxruntime.so";
/// Folders of the dynamic loader on the systems that we support.
const SYSTEM_FOLDERS: [&str; 5] = [
    "/usr/local/lib",
    "/usr/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
];

const ADVICE: &str = "run scripts/setup, or set ORT_DYLIB_PATH to the library";

struct Loaded {
    path: PathBuf,
    environment: Environment,
}

/// The one environment of the process: the runtime allows no second one, and no unloading.
static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

/// The library to use: `ORT_DYLIB_PATH`, else `.tandem/lib` in the current folder or one above,
/// else the system's. A path from the environment is taken even where nothing is there, so that a
/// typing error is reported and not passed over.
pub fn find_library() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let here = std::env::current_dir().ok();
    let local = here.iter().flat_map(|dir| dir.ancestors()).map(|dir| dir.join(LOCAL));
    let system = SYSTEM_FOLDERS.iter().map(|dir| Path::new(dir).join(SYSTEM));
    local.chain(system).find(|path| path.exists())
}

/// Loads the library, or returns the environment of an earlier call.
///
/// `ort` loads a library by itself on first use and panics where that fails; going through here
/// first turns every such case into [`EngineError::Library`].
pub fn environment(path: Option<&Path>) -> Result<Environment, EngineError> {
    let path = path.unwrap_or(Path::new(SYSTEM));
    let refuse = |reason: String| EngineError::Library { path: path.display().to_string(), reason };
    // A poisoned lock means a panic between two plain assignments: nothing is half done.
    let mut loaded = LOADED.lock().unwrap_or_else(|poison| poison.into_inner());
    if let Some(loaded) = loaded.as_ref() {
        if loaded.path != path {
            let reason = format!("{} is loaded, and stays for good", loaded.path.display());
            return Err(refuse(reason));
        }
        return Ok(loaded.environment.clone());
    }
    // A bare name is the dynamic loader's business: it searches its own folders.
    if path.components().count() > 1 {
        match elf::fault(path) {
            Ok(None) => {}
            Ok(Some(fault)) => return Err(refuse(format!("{fault}; {ADVICE}"))),
            Err(error) => return Err(refuse(format!("{error}; {ADVICE}"))),
        }
    }
    let environment = without_panic(
        || {
            let builder = ort::init_from(path).map_err(|e| refuse(format!("{e}; {ADVICE}")))?;
            let environment = builder
                .with_name("tandem")
                .with_telemetry(false)
                .build()
                .map_err(|e| refuse(e.to_string()))?;
            // Errors come back as values; the runtime would print them to stderr, too.
            environment.set_log_level(LogLevel::Fatal);
            Ok(environment)
        },
        refuse,
    )?;
    *loaded = Some(Loaded { path: path.to_owned(), environment: environment.clone() });
    Ok(environment)
}

/// The file behind a library's path, for people: links resolved, so that the name has the version.
pub fn file_of(path: Option<&Path>) -> String {
    let path = path.unwrap_or(Path::new(SYSTEM));
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string()
}

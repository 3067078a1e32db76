//! Trace and log settings, which clients read and change while the server runs.
//!
//! Files are chosen by whoever starts the server: a client that could name one could write anywhere.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;

use crate::error::ServeError;

/// A setting's value, of either protocol.
pub type Setting = Value;

#[derive(Clone, Debug)]
struct TraceSettings {
    timestamps: bool,
    /// One request of so many is traced.
    rate: u64,
    /// Traces still to be made; `None` is without end.
    count: Option<u64>,
    /// Requests seen since the last trace.
    seen: u64,
}

const TRACE_OFF: TraceSettings =
    TraceSettings { timestamps: false, rate: 1000, count: None, seen: 0 };

/// Which requests leave a line in the trace file.
#[derive(Debug)]
pub struct Trace {
    path: Option<PathBuf>,
    state: Mutex<TraceState>,
}

#[derive(Debug)]
struct TraceState {
    file: Option<File>,
    global: TraceSettings,
    models: BTreeMap<String, TraceSettings>,
}

impl Trace {
    /// Off; traces go to `path`, one JSON object a line.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub fn new(path: Option<&Path>) -> std::io::Result<Self> {
        let open = |path| File::options().create(true).append(true).open(path);
        let file = path.map(open).transpose()?;
        let state = TraceState { file, global: TRACE_OFF, models: BTreeMap::new() };
        Ok(Self { path: path.map(Path::to_owned), state: Mutex::new(state) })
    }

    /// The settings of a model, or the global ones.
    pub fn settings(&self, model: Option<&str>) -> BTreeMap<String, Setting> {
        let state = self.lock();
        let own = model.and_then(|model| state.models.get(model));
        let settings = own.unwrap_or(&state.global);
        let level = if settings.timestamps { "TIMESTAMPS" } else { "OFF" };
        let path = self.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let count = settings.count.map_or_else(|| "-1".to_owned(), |count| count.to_string());
        BTreeMap::from([
            ("trace_file".to_owned(), json!(path)),
            ("trace_level".to_owned(), json!([level])),
            ("trace_rate".to_owned(), json!(settings.rate.to_string())),
            ("trace_count".to_owned(), json!(count)),
        ])
    }

    /// Changes what is named. For a model, no setting at all makes it follow the global ones again.
    ///
    /// # Errors
    /// [`ServeError`] that names the setting; nothing is changed then.
    pub fn update(
        &self,
        model: Option<&str>,
        changes: &BTreeMap<String, Setting>,
    ) -> Result<(), ServeError> {
        let mut state = self.lock();
        if let (Some(model), true) = (model, changes.is_empty()) {
            state.models.remove(model);
            return Ok(());
        }
        let own = model.and_then(|model| state.models.get(model));
        let mut settings = own.unwrap_or(&state.global).clone();
        for (name, value) in changes {
            self.change(&mut settings, name, value)?;
        }
        settings.seen = 0;
        match model {
            Some(model) => drop(state.models.insert(model.to_owned(), settings)),
            None => state.global = settings,
        }
        Ok(())
    }

    fn change(
        &self,
        settings: &mut TraceSettings,
        name: &str,
        value: &Setting,
    ) -> Result<(), ServeError> {
        let bad = |why: &str| Err(ServeError::invalid(format!("Setting {name}: {why}")));
        let values: Vec<&str> = match value {
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            other => other.as_str().into_iter().collect(),
        };
        let number = || match values[..] {
            [one] => one.parse::<i64>().ok(),
            _ => value.as_i64(),
        };
        match name {
            "trace_level" => match values[..] {
                ["OFF"] => settings.timestamps = false,
                ["TIMESTAMPS"] if self.path.is_none() => {
                    return bad("there is no trace file; the server takes one with --trace-file");
                }
                ["TIMESTAMPS"] => settings.timestamps = true,
                _ => return bad("known are OFF and TIMESTAMPS"),
            },
            "trace_rate" => match number() {
                Some(rate @ 1..) => settings.rate = rate as u64,
                _ => return bad("a number from 1 on should be here"),
            },
            "trace_count" => match number() {
                Some(-1) => settings.count = None,
                Some(count @ 0..) => settings.count = Some(count as u64),
                _ => return bad("a number from 0 on, or -1, should be here"),
            },
            "trace_file" => return bad("it is chosen where the server is started, --trace-file"),
            _ => return bad("known are trace_level, trace_rate, trace_count"),
        }
        Ok(())
    }

    /// Whether this request is one to trace.
    pub fn sample(&self, model: &str) -> bool {
        let mut state = self.lock();
        let TraceState { global, models, .. } = &mut *state;
        let settings = models.get_mut(model).unwrap_or(global);
        if !settings.timestamps || settings.count == Some(0) {
            return false;
        }
        settings.seen += 1;
        if settings.seen < settings.rate {
            return false;
        }
        settings.seen = 0;
        settings.count = settings.count.map(|count| count - 1);
        true
    }

    /// Writes a trace as one line. One that cannot be written is lost.
    pub fn write(&self, trace: &Value) {
        if let Some(file) = &mut self.lock().file {
            let _ = file.write_all(format!("{trace}\n").as_bytes());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, TraceState> {
        self.state.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Models come and go.
    Info,
    /// A model was refused.
    Warning,
    /// The runtime failed.
    Error,
    /// Every request.
    Verbose,
}

#[derive(Clone, Debug)]
struct LogSettings {
    info: bool,
    warnings: bool,
    errors: bool,
    verbose_level: u32,
    iso8601: bool,
}

/// The server's log, on stderr.
#[derive(Debug)]
pub struct Log {
    state: Mutex<LogSettings>,
}

impl Default for Log {
    fn default() -> Self {
        let settings = LogSettings {
            info: true,
            warnings: true,
            errors: true,
            verbose_level: 0,
            iso8601: false,
        };
        Self { state: Mutex::new(settings) }
    }
}

impl Log {
    /// The settings.
    pub fn settings(&self) -> BTreeMap<String, Setting> {
        let state = self.lock();
        let format = if state.iso8601 { "ISO8601" } else { "default" };
        BTreeMap::from([
            ("log_file".to_owned(), json!("")),
            ("log_info".to_owned(), json!(state.info)),
            ("log_warnings".to_owned(), json!(state.warnings)),
            ("log_errors".to_owned(), json!(state.errors)),
            ("log_verbose_level".to_owned(), json!(state.verbose_level)),
            ("log_format".to_owned(), json!(format)),
        ])
    }

    /// Changes what is named.
    ///
    /// # Errors
    /// [`ServeError`] that names the setting; nothing is changed then.
    pub fn update(&self, changes: &BTreeMap<String, Setting>) -> Result<(), ServeError> {
        let mut state = self.lock();
        let mut new = state.clone();
        for (name, value) in changes {
            let bad = |why: &str| ServeError::invalid(format!("Setting {name}: {why}"));
            let truth = || value.as_bool().ok_or_else(|| bad("true or false should be here"));
            match name.as_str() {
                "log_info" => new.info = truth()?,
                "log_warnings" => new.warnings = truth()?,
                "log_errors" => new.errors = truth()?,
                "log_verbose_level" => {
                    let level = value.as_u64().and_then(|level| u32::try_from(level).ok());
                    new.verbose_level = level.ok_or_else(|| bad("a number should be here"))?;
                }
                "log_format" => match value.as_str() {
                    Some("default") => new.iso8601 = false,
                    Some("ISO8601") => new.iso8601 = true,
                    _ => return Err(bad("known are \"default\" and \"ISO8601\"")),
                },
                "log_file" => return Err(bad("the log goes to the server's stderr only")),
                _ => {
                    let known = "log_info, log_warnings, log_errors, log_verbose_level, log_format";
                    return Err(bad(&format!("known are {known}")));
                }
            }
        }
        *state = new;
        Ok(())
    }

    /// Writes a line where the settings let it through. `text` is made only then.
    pub fn write(&self, level: Level, text: impl FnOnce() -> String) {
        let state = self.lock().clone();
        let passes = match level {
            Level::Info => state.info,
            Level::Warning => state.warnings,
            Level::Error => state.errors,
            Level::Verbose => state.verbose_level > 0,
        };
        if passes {
            let stamp = if state.iso8601 { stamp() } else { String::new() };
            eprintln!("{stamp}serve: {}", text());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LogSettings> {
        self.state.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

fn stamp() -> String {
    let now = OffsetDateTime::now_utc().format(&Iso8601::DEFAULT);
    now.map_or_else(|_| String::new(), |now| now + " ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::{Log, Trace};

    #[test]
    fn one_request_of_a_rate_is_traced_as_often_as_said() {
        let folder = tempfile::tempdir().unwrap();
        let trace = Trace::new(Some(&folder.path().join("t"))).unwrap();
        assert!(!trace.sample("m"));
        let on = BTreeMap::from([
            ("trace_level".to_owned(), json!(["TIMESTAMPS"])),
            ("trace_rate".to_owned(), json!("3")),
            ("trace_count".to_owned(), json!(2)),
        ]);
        trace.update(Some("m"), &on).unwrap();
        let sampled: Vec<bool> = (0..12).map(|_| trace.sample("m")).collect();
        let wanted = [false, false, true, false, false, true];
        assert_eq!(sampled[..6], wanted);
        assert!(!sampled[6..].contains(&true) && !trace.sample("other"));
        trace.update(Some("m"), &BTreeMap::new()).unwrap();
        assert_eq!(trace.settings(Some("m")), trace.settings(None));
    }

    #[test]
    fn files_and_unknown_settings_are_refused_and_change_nothing() {
        let trace = Trace::new(None).unwrap();
        let log = Log::default();
        let before = (trace.settings(None), log.settings());
        for name in ["trace_file", "log_file", "trace_mode", "trace_level"] {
            let change = BTreeMap::from([
                ("log_info".to_owned(), json!(false)),
                ("trace_rate".to_owned(), json!("7")),
                (name.to_owned(), json!("TIMESTAMPS")),
            ]);
            assert!(trace.update(None, &change).is_err(), "{name}");
            assert!(log.update(&change).is_err(), "{name}");
        }
        assert_eq!(before, (trace.settings(None), log.settings()));
    }
}

//! Names for targets, in `tandem/targets.toml` of the user's configuration folder:
//!
//! ```toml
//! [targets]
//! line-3 = "ssh://root@10.0.0.7"
//! bench = "agent+serial:///dev/ttyUSB2"
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::transport::Target;

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    targets: BTreeMap<String, String>,
}

/// Targets by name.
pub type Names = BTreeMap<String, Target>;

/// Where the file is: `XDG_CONFIG_HOME`, else `~/.config`.
pub fn path() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
    Some(config?.join("tandem/targets.toml"))
}

/// The names of the user; none without a file.
///
/// # Errors
/// The file and what is wrong with it.
pub fn load() -> Result<Names, String> {
    let Some(path) = path() else { return Ok(Names::new()) };
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text, &path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Names::new()),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn parse(text: &str, path: &Path) -> Result<Names, String> {
    let wrong = |what: String| format!("{}: {what}", path.display());
    let file: File = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let read = |(name, target): (String, String)| {
        if !is_name(&name) {
            return Err(wrong(format!("{name:?}: a name has letters, digits, - and _")));
        }
        let target = target.parse().map_err(|error| wrong(format!("{name}: {error}")))?;
        Ok((name, target))
    };
    file.targets.into_iter().map(read).collect()
}

/// Told from every target by itself: those have a colon, or are `virtual`.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text != "virtual" && text.chars().all(plain)
}

/// `--target`: a target, or its name.
///
/// # Errors
/// What a target looks like, and the names that there are.
pub fn resolve(text: &str) -> Result<Target, String> {
    text.parse().or_else(|error: String| {
        if !is_name(text) {
            return Err(error);
        }
        let mut names = load()?;
        names.remove(text).ok_or_else(|| {
            let known = names.into_keys().collect::<Vec<_>>().join(", ");
            let file = path().map_or("targets.toml".to_owned(), |path| path.display().to_string());
            let known = if known.is_empty() { "none".to_owned() } else { known };
            format!("no target of this name ({file} has: {known}); or {error}")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_targets_and_mistakes_are_placed() {
        let parse = |text| parse(text, Path::new("/c/targets.toml"));
        let names = parse("[targets]\nline-3 = \"ssh://root@a\"\n").unwrap();
        assert_eq!(names["line-3"].to_string(), "ssh://root@a");
        assert!(parse("").unwrap().is_empty());
        for (text, part) in [
            ("[targets]\na = \"ssh://-x\"", "a: -x: a host must not begin"),
            ("[targets]\nvirtual = \"ssh://b\"", "virtual"),
            ("[targets]\n\"a b\" = \"ssh://b\"", "letters"),
            ("[target]\n", "target"),
            ("[targets]\na = 1\n", "line 2"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with("/c/targets.toml: ") && error.contains(part), "{error}");
        }
    }
}

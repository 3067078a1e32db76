//! The folder of recipes and the one that is in force.
//!
//! A switch is one atomic store: jobs admitted before it finish under the recipe they were
//! admitted with. A recipe that does not compile or does not fit its model changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use super::error::nearest;
use super::{Recipe, RecipeError, RecipeErrorKind};

/// One line of `agentctl recipe list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipeSummary {
    /// Name.
    pub name: String,
    /// In force now.
    pub active: bool,
    /// `name/version`; empty where the file does not compile.
    pub model: String,
    /// One sentence for people.
    pub description: String,
    /// Number of rules.
    pub rules: u32,
    /// Why the file cannot be used.
    pub error: Option<String>,
}

impl RecipeSummary {
    /// Of a recipe that compiles.
    pub fn of(recipe: &Recipe, active: bool) -> RecipeSummary {
        RecipeSummary {
            name: recipe.name().to_owned(),
            active,
            model: recipe.model().to_owned(),
            description: recipe.description().to_owned(),
            rules: recipe.rules().count() as u32,
            error: None,
        }
    }
}

/// Recipes of one folder.
pub struct RecipeStore {
    folder: PathBuf,
    active: ArcSwap<Recipe>,
}

impl RecipeStore {
    /// Opens `folder` with `name` in force; `admit` holds the recipe against its model.
    pub fn open(
        folder: &Path,
        name: &str,
        admit: impl FnOnce(&Recipe) -> Result<(), RecipeError>,
    ) -> Result<RecipeStore, RecipeError> {
        let recipe = load(folder, name)?;
        admit(&recipe)?;
        Ok(RecipeStore { folder: folder.to_owned(), active: ArcSwap::from_pointee(recipe) })
    }

    /// The recipe in force.
    pub fn active(&self) -> Arc<Recipe> {
        self.active.load_full()
    }

    /// Reads the file of `name`, whether in force or not.
    pub fn load(&self, name: &str) -> Result<Recipe, RecipeError> {
        load(&self.folder, name)
    }

    /// Puts `name` in force if `admit` takes it. On an error the last good recipe stays.
    pub fn switch<E: From<RecipeError>>(
        &self,
        name: &str,
        admit: impl FnOnce(&Recipe) -> Result<(), E>,
    ) -> Result<Arc<Recipe>, E> {
        let recipe = self.load(name)?;
        admit(&recipe)?;
        let recipe = Arc::new(recipe);
        self.active.store(recipe.clone());
        Ok(recipe)
    }

    /// Every recipe of the folder by name, the broken ones with their error.
    pub fn list(&self) -> Result<Vec<RecipeSummary>, RecipeError> {
        let active = self.active();
        let summaries = names(&self.folder)?.into_iter().map(|name| {
            let active = name == active.name();
            match self.load(&name) {
                Ok(recipe) => RecipeSummary::of(&recipe, active),
                Err(error) => RecipeSummary {
                    active,
                    model: String::new(),
                    description: String::new(),
                    rules: 0,
                    error: Some(error.to_string()),
                    name,
                },
            }
        });
        Ok(summaries.collect())
    }
}

/// Loads `folder/NAME.toml`. A name is one path component: no recipe lies outside its folder.
pub fn load(folder: &Path, name: &str) -> Result<Recipe, RecipeError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let plain = !name.is_empty() && !name.starts_with('.') && name.chars().all(legal);
    let path = folder.join(format!("{name}.toml"));
    if plain && path.is_file() {
        return Recipe::load(&path);
    }
    let there = names(folder)?;
    let message = match nearest(name, there.iter().map(String::as_str)) {
        Some(near) => format!("no recipe is called {name:?}, did you mean {near:?}?"),
        None if there.is_empty() => format!("no recipe is called {name:?}, the folder has none"),
        None => format!("no recipe is called {name:?}, there are: {}", there.join(", ")),
    };
    Err(RecipeError {
        kind: RecipeErrorKind::UnknownRecipe,
        file: folder.display().to_string(),
        at: None,
        field: "recipe".to_owned(),
        message,
    })
}

fn names(folder: &Path) -> Result<Vec<String>, RecipeError> {
    let entries = std::fs::read_dir(folder).map_err(|error| RecipeError {
        kind: RecipeErrorKind::Unreadable,
        file: folder.display().to_string(),
        at: None,
        field: "recipes".to_owned(),
        message: format!("the folder of recipes cannot be read: {error}; name another one"),
    })?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|file| file.strip_suffix(".toml").map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(recipes: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in recipes {
            std::fs::write(folder.path().join(format!("{name}.toml")), text).unwrap();
        }
        folder
    }

    const GOOD: &str = "model = \"m/1\"";
    const BAD: &str = "model = \"m/1\"\nwidth = 3";

    #[test]
    fn a_switch_is_whole_and_the_last_good_recipe_survives_a_bad_one() {
        let folder = folder(&[("a", GOOD), ("b", GOOD), ("bad", BAD)]);
        let store = RecipeStore::open(folder.path(), "a", |_| Ok(())).unwrap();
        let admit = |_: &Recipe| Ok::<(), RecipeError>(());
        let held = store.active();
        assert_eq!(store.switch("b", admit).unwrap().name(), "b");
        assert_eq!((held.name(), store.active().name()), ("a", "b"), "jobs keep theirs");
        let error = store.switch("bad", admit).unwrap_err();
        assert_eq!(error.field, "width");
        let refuse = |recipe: &Recipe| recipe.check_model(["other/1"]);
        assert_eq!(store.switch("a", refuse).unwrap_err().field, "model");
        assert_eq!(store.active().name(), "b");
        std::fs::remove_file(folder.path().join("b.toml")).unwrap();
        assert!(store.switch("b", admit).is_err());
        assert_eq!(store.active().name(), "b", "in force without its file");
    }

    #[test]
    fn the_list_shows_what_is_broken() {
        let folder = folder(&[("a", GOOD), ("bad", BAD)]);
        let store = RecipeStore::open(folder.path(), "a", |_| Ok(())).unwrap();
        let list = store.list().unwrap();
        assert!(list[0].active && list[0].error.is_none());
        assert!(list[1].error.as_ref().unwrap().contains("bad.toml:2:1"), "{:?}", list[1]);
    }

    #[test]
    fn names_stay_inside_the_folder_and_unknown_ones_get_a_hint() {
        let folder = folder(&[("people", GOOD)]);
        for name in ["../people", "/etc/passwd", "", ".", "a/b"] {
            let error = load(folder.path(), name).unwrap_err();
            assert_eq!(error.kind, RecipeErrorKind::UnknownRecipe, "{name}");
        }
        let error = load(folder.path(), "poeple").unwrap_err();
        assert!(error.message.contains("did you mean \"people\"?"), "{error}");
        let error = load(&folder.path().join("none"), "a").unwrap_err();
        assert_eq!(error.kind, RecipeErrorKind::Unreadable);
    }
}

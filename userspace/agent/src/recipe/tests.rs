use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::judge::{Judge, RawDetection};

const LABELS: [&str; 4] = ["person", "bicycle", "car", "bus"];

const EXAMPLE: &str = r#"
model = "yolov3-tiny/1"
score_threshold = 0.3

[regions.left]
fraction = [0.0, 0.0, 0.5, 1.0]

[regions.belt]
pixels = [0, 100, 640, 400]

[[rules]]
name = "sure enough"
kind = "score"
classes = ["person"]
min = 0.5
violated = "unknown"

[[rules]]
name = "crowd"
kind = "count"
classes = ["person"]
region = "left"
max = 2
reason = "{count} persons in {region}, {max} allowed"

[[rules]]
name = "strangers"
kind = "class"
classes = ["person", "car"]
min_score = 0.4

[[rules]]
name = "large enough"
kind = "size"
classes = ["car"]
measure = "height"
unit = "fraction"
min = 0.25

[[rules]]
name = "on the belt"
kind = "count"
region = "belt"
min = 1
"#;

fn labels() -> Arc<[String]> {
    LABELS.map(str::to_owned).into()
}

fn judge(text: &str) -> RecipeJudge {
    let recipe = Recipe::parse("test", "test.toml", text).unwrap();
    RecipeJudge::new(Arc::new(recipe), "yolov3-tiny/1", labels(), 16384).unwrap()
}

fn object(label: &str, score: f32, r#box: [f32; 4]) -> RawDetection {
    let class = LABELS.iter().position(|l| *l == label).unwrap() as u16;
    RawDetection { class, score, r#box }
}

fn verdict(detections: &[RawDetection], size: [u16; 2]) -> (Outcome, String, String) {
    let judge = judge(EXAMPLE);
    let record = judge.judge(detections, size);
    let (rule, reason) = judge.explain(&record, detections);
    // The trace is another way to the same answer.
    let trace = judge.trace(detections, size);
    assert_eq!((trace.result, &trace.rule, &trace.reason), (record.outcome, &rule, &reason));
    (record.outcome, rule, reason)
}

const SIZE: [u16; 2] = [640, 480];
const ON_BELT: [f32; 4] = [400.0, 150.0, 500.0, 350.0];

#[test]
fn each_kind_decides_with_its_reason() {
    let person = object("person", 0.9, ON_BELT);
    let pass = (Outcome::Pass, "default".to_owned(), "Every rule held".to_owned());
    assert_eq!(verdict(&[person], SIZE), pass);
    let unsure = object("person", 0.45, ON_BELT);
    let (outcome, rule, reason) = verdict(&[person, unsure], SIZE);
    assert_eq!((outcome, rule.as_str()), (Outcome::Unknown, "sure enough"));
    assert_eq!(reason, "Score of person is 0.45, needs at least 0.5");

    let left = object("person", 0.9, [0.0, 100.0, 100.0, 300.0]);
    let (outcome, rule, reason) = verdict(&[left, left, left, person], SIZE);
    assert_eq!((outcome, rule.as_str()), (Outcome::Fail, "crowd"));
    assert_eq!(reason, "3 persons in left, 2 allowed");

    let (outcome, rule, reason) = verdict(&[person, object("bus", 0.8, ON_BELT)], SIZE);
    assert_eq!((outcome, rule.as_str()), (Outcome::Fail, "strangers"));
    assert_eq!(reason, "Found bus, allowed are person, car");
    assert_eq!(verdict(&[person, object("bus", 0.39, ON_BELT)], SIZE), pass, "below min_score");

    let flat = object("car", 0.9, [400.0, 200.0, 500.0, 260.0]);
    let (outcome, rule, reason) = verdict(&[flat], SIZE);
    assert_eq!((outcome, rule.as_str()), (Outcome::Fail, "large enough"));
    assert_eq!(reason, "Size of car is 0.125, needs at least 0.25");

    let (outcome, rule, reason) = verdict(&[], SIZE);
    assert_eq!((outcome, rule.as_str()), (Outcome::Fail, "on the belt"));
    assert_eq!(reason, "Found 0 of any class, needs at least 1");
}

#[test]
fn a_region_that_the_image_does_not_cover_is_unknown() {
    let (outcome, rule, reason) = verdict(&[], [320, 240]);
    assert_eq!((outcome, rule.as_str()), (Outcome::Unknown, "on the belt"));
    assert_eq!(reason, "Region belt reaches beyond the image");
}

#[test]
fn the_first_violated_rule_decides_and_the_trace_shows_all() {
    let judge = judge(EXAMPLE);
    let objects = [object("person", 0.4, ON_BELT), object("bus", 0.9, ON_BELT)];
    let trace = judge.trace(&objects, SIZE);
    let decides: Vec<bool> = trace.rules.iter().map(|rule| rule.decides).collect();
    assert_eq!(decides, [true, false, false, false, false]);
    assert!(!trace.rules[2].holds, "evaluated behind the deciding rule");
    assert_eq!(trace.rules[4].matched, [0, 1]);
    assert_eq!(trace.rules[4].measured, Some(2.0));
    assert_eq!(trace.rules[3].measured, None, "no car to measure");
}

#[test]
fn best_looks_at_the_best_only() {
    let text =
        "model = \"m/1\"\n[[rules]]\nname = \"n\"\nkind = \"score\"\nof = \"best\"\nmin = 0.8";
    let recipe = Recipe::parse("r", "r.toml", text).unwrap();
    let judge = RecipeJudge::new(Arc::new(recipe), "m/1", labels(), 16384).unwrap();
    let two = [object("car", 0.3, ON_BELT), object("car", 0.85, ON_BELT)];
    assert_eq!(judge.judge(&two, SIZE).outcome, Outcome::Pass);
    assert_eq!(judge.judge(&two[..1], SIZE).outcome, Outcome::Fail);
    assert_eq!(judge.judge(&[], SIZE).outcome, Outcome::Pass, "nothing to measure");
}

#[test]
fn numbers_that_are_none_are_in_no_range() {
    let nan = RawDetection { class: 2, score: 0.9, r#box: [f32::NAN; 4] };
    let (outcome, rule, _) = verdict(&[nan], SIZE);
    assert_eq!((outcome, rule.as_str()), (Outcome::Fail, "large enough"));
}

/// Each bad recipe, and what its error must say: code, line, column, field, next step.
#[test]
fn bad_recipes_name_file_place_field_and_next_step() {
    let rule = |body: &str| format!("model = \"m/1\"\n[[rules]]\nname = \"a\"\n{body}\n");
    let cases = [
        ("model = 3".into(), "recipe_syntax", 1, 9, "model", "invalid type"),
        ("modle = \"m/1\"".into(), "recipe_syntax", 1, 1, "modle", "unknown field"),
        ("".into(), "recipe_syntax", 1, 1, "model", "missing field"),
        ("model = \"m\"".into(), "recipe_value", 1, 9, "model", "name/version"),
        ("model = \"../m/1\"".into(), "recipe_value", 1, 9, "model", "name/version"),
        (
            "model = \"m/1\"\nscore_threshold = 1.5".into(),
            "recipe_value",
            2,
            19,
            "score_threshold",
            "between 0 and 1",
        ),
        (
            "model = \"m/1\"\niou_threshold = nan".into(),
            "recipe_value",
            2,
            17,
            "iou_threshold",
            "between 0 and 1",
        ),
        (
            "model = \"m/1\"\n[regions.a]\npixels = [5, 0, 5, 9]".into(),
            "recipe_value",
            3,
            10,
            "regions.a",
            "x1 < x2",
        ),
        (
            "model = \"m/1\"\n[regions.a]\nfraction = [0, 0, 2, 1]".into(),
            "recipe_value",
            3,
            12,
            "regions.a",
            "<= 1",
        ),
        (
            "model = \"m/1\"\n[regions.a]\npixels = [1]".into(),
            "recipe_value",
            3,
            10,
            "regions.a",
            "four numbers",
        ),
        ("model = \"m/1\"\n[regions]\na = {}".into(), "recipe_value", 3, 5, "regions.a", "either"),
        (rule("kind = \"colour\""), "recipe_syntax", 4, 8, "kind", "expected one of"),
        (rule("kind = \"count\""), "recipe_value", 2, 1, "rules[0].min", "give min, max"),
        (rule("kind = \"count\"\nmin = 1.5"), "recipe_value", 5, 7, "rules[0].min", "whole"),
        (rule("kind = \"count\"\nmin = -1"), "recipe_value", 5, 7, "rules[0].min", "0 to 65535"),
        (
            rule("kind = \"count\"\nmin = 3\nmax = 2"),
            "recipe_value",
            6,
            7,
            "rules[0].max",
            "below min",
        ),
        (rule("kind = \"score\"\nmin = 2"), "recipe_value", 5, 7, "rules[0].min", "0 to 1"),
        (rule("kind = \"class\""), "recipe_value", 2, 1, "rules[0].classes", "lists"),
        (
            rule("kind = \"class\"\nclasses = []"),
            "recipe_value",
            5,
            11,
            "rules[0].classes",
            "empty",
        ),
        (
            rule("kind = \"class\"\nclasses = [\"car\"]\nmin = 1"),
            "recipe_value",
            6,
            7,
            "rules[0].min",
            "remove it",
        ),
        (
            rule("kind = \"count\"\nmin = 1\nunit = \"pixels\""),
            "recipe_value",
            6,
            8,
            "rules[0].unit",
            "remove it",
        ),
        (
            rule("kind = \"count\"\nmin = 1\nregion = \"belt\""),
            "recipe_value",
            6,
            10,
            "rules[0].region",
            "[regions.belt]",
        ),
        (
            rule("kind = \"count\"\nmin = 1\nviolated = \"pass\""),
            "recipe_value",
            6,
            12,
            "rules[0].violated",
            "\"fail\"",
        ),
        (
            rule("kind = \"count\"\nmin = 1\nmin_score = 7"),
            "recipe_value",
            6,
            13,
            "rules[0].min_score",
            "0 to 1",
        ),
        (
            rule("kind = \"count\"\nmin = 1\nreason = \"{speed}\""),
            "recipe_value",
            6,
            10,
            "rules[0].reason",
            "{count}",
        ),
        (
            rule("kind = \"count\"\nmin = 1\nspeed = 1"),
            "recipe_syntax",
            6,
            1,
            "speed",
            "unknown field",
        ),
        (
            rule("kind = \"count\"\nmin = 1").replace("\"a\"", "\"default\""),
            "recipe_value",
            3,
            8,
            "rules[0].name",
            "another name",
        ),
        (
            rule("kind = \"count\"\nmin = 1").replace("\"a\"", "\" \""),
            "recipe_value",
            3,
            8,
            "rules[0].name",
            "empty",
        ),
        (
            rule("kind = \"count\"\nmin = 1\n[[rules]]\nname = \"a\"\nkind = \"count\"\nmin = 2"),
            "recipe_value",
            7,
            8,
            "rules[1].name",
            "another",
        ),
    ];
    for (text, code, line, column, field, next) in cases {
        let text: String = text;
        let error = Recipe::parse("bad", "bad.toml", &text).unwrap_err();
        assert_eq!(error.kind.code(), code, "{text}\n{error}");
        assert_eq!(error.at, Some(Location { line, column }), "{text}\n{error}");
        assert_eq!(error.field, field, "{text}\n{error}");
        assert!(error.message.contains(next), "{text}\n{error}");
        let shown = error.to_string();
        assert!(shown.starts_with(&format!("bad.toml:{line}:{column}: ")), "{shown}");
    }
}

#[test]
fn a_recipe_is_held_against_its_model() {
    let text = EXAMPLE.replace("\"car\"]\nmeasure", "\"cra\"]\nmeasure");
    let recipe = Recipe::parse("t", "t.toml", &text).unwrap();
    let error = recipe.check("yolov3-tiny/1", &labels(), 16384).unwrap_err();
    assert_eq!(error.field, "rules[3].classes[0]");
    assert_eq!(error.kind.code(), "recipe_unknown_class");
    assert!(error.message.contains("did you mean \"car\"?"), "{error}");
    let error = recipe.check("other/2", &labels(), 16384).unwrap_err();
    assert_eq!((error.field.as_str(), error.kind.code()), ("model", "recipe_unknown_model"));
    assert!(error.message.contains("other/2"), "{error}");
}

#[test]
fn a_rule_cannot_ask_for_scores_below_the_threshold() {
    let rule = "[[rules]]\nname = \"n\"\nkind = \"count\"\nmin = 1\nmin_score = 0.2";
    let check = |own: &str, of_model| {
        let recipe = Recipe::parse("t", "t.toml", &format!("model = \"m/1\"\n{own}{rule}"));
        recipe.unwrap().check("m/1", &labels(), q16(of_model))
    };
    check("", 0.2).unwrap();
    check("", 0.1).unwrap();
    check("score_threshold = 0.1\n", 0.25).unwrap();
    for (own, of_model, line) in [("", 0.25, 6), ("score_threshold = 0.3\n", 0.1, 7)] {
        let error = check(own, of_model).unwrap_err();
        assert_eq!(error.at.map(|at| at.line), Some(line), "{error}");
        assert_eq!(
            (error.field.as_str(), error.kind.code()),
            ("rules[0].min_score", "recipe_value")
        );
        assert!(error.message.contains("raise min_score"), "{error}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = Recipe::parse("p", "p.toml", &text);
    }

    #[test]
    fn no_damage_to_a_good_recipe_panics(at in 0..EXAMPLE.len(), with in any::<char>()) {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        text[at] = with;
        let _ = Recipe::parse("p", "p.toml", &text.into_iter().collect::<String>());
    }
}

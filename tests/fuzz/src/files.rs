//! Files that people write: recipes, board descriptions, model folders.

use std::cell::RefCell;
use std::fs;
use std::sync::Arc;

use tandem_agent::judge::{Judge, RawDetection};
use tandem_agent::recipe::{Recipe, RecipeJudge};
use tandem_boards::Board;
use tandem_engine::Model;
use tandem_fixture::Plan;
use tandem_fixture::limits::{Judgement, Value};
use tandem_fixture::source::read_identity;
use tandem_model::pre::Frame;
use tandem_policy::{Catalog, Document, EngineEntry, EngineKind, EngineSet, Facts};
use tempfile::TempDir;

/// A recipe's text: parsed, held against a model, and asked for verdicts on objects that a model
/// with odd numbers could report.
pub fn recipe(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let recipe = match Recipe::parse("r", "r.toml", text) {
        Ok(recipe) => recipe,
        Err(error) => {
            assert!(error.to_string().starts_with("r.toml"), "{error}");
            let lines = text.matches('\n').count() as u32 + 1;
            assert!(error.at.is_none_or(|at| (1..=lines).contains(&at.line) && at.column > 0));
            return false;
        }
    };
    let labels: Arc<[String]> = ["person", "bus", "truck"].map(String::from).into();
    assert!(recipe.check("another/1", &labels, 16384).is_err() || recipe.model() == "another/1");
    let model = recipe.model().to_owned();
    let Ok(judge) = RecipeJudge::new(Arc::new(recipe), &model, labels, 16384) else { return false };
    for size in [[0, 0], [640, 480], [8192, 8192]] {
        for objects in [&[][..], &OBJECTS[..2], &OBJECTS[..]] {
            let record = judge.judge(objects, size);
            let (rule, _) = judge.explain(&record, objects);
            let trace = judge.trace(objects, size);
            assert_eq!((&trace.rule, trace.result), (&rule, record.outcome));
        }
    }
    true
}

/// A routing policy's text: read, held against an agent, asked about jobs, compared with itself.
pub fn policy(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(findings) => {
            assert!(!findings.is_empty(), "refused without a reason");
            // YAML ends lines with \r, too.
            let lines = text.matches(['\n', '\r']).count() as u32 + 1;
            for finding in findings {
                assert!(
                    finding.at.is_none_or(|at| (1..=lines).contains(&at.line) && at.column > 0)
                );
                assert!(finding.render("p.yaml", text).starts_with("p.yaml"));
            }
            return false;
        }
    };
    assert_eq!(tandem_policy::diff(&document, &document), []);
    let entry = |name: &str, kind| EngineEntry { name: name.to_owned(), kind, bound: None };
    let engines =
        vec![entry("tcp://10.0.2.2:7700", EngineKind::Worker), entry("rten", EngineKind::Cpu)];
    let models = vec!["yolov3-tiny/1".to_owned()];
    let catalog = Catalog { models, engines, ..Catalog::default() };
    let Ok(policy) = catalog.bind(document) else { return false };
    for (job, stream) in ["", "audit", "packing-1", "\u{df}*?"].into_iter().enumerate() {
        for (ready, load, deadline_ms) in [(0, 0.0, 0), (1, 0.5, 300), (3, 1.0, u32::MAX)] {
            let facts = Facts {
                job: job as u64,
                model: "yolov3-tiny/1",
                stream,
                priority: None,
                deadline_ms,
                logic_up: ready != 0,
                ready: EngineSet(ready),
                load,
            };
            let (decision, explained) = (policy.decide(&facts), policy.explain(&facts));
            let first = explained.rules.iter().position(|rule| rule.why_not.is_empty());
            assert_eq!(decision.rule.map(usize::from), first);
            assert_ne!(decision.route.engines, EngineSet::default());
        }
    }
    true
}

const OBJECTS: [RawDetection; 5] = [
    RawDetection { class: 0, score: 0.9, r#box: [10.0, 10.0, 100.0, 200.0] },
    RawDetection { class: 1, score: 0.25, r#box: [0.0, 0.0, 640.0, 480.0] },
    RawDetection { class: 2, score: 0.0, r#box: [5.0, 5.0, 5.0, 5.0] },
    RawDetection { class: 0, score: 1.0, r#box: [f32::NAN, 0.0, f32::INFINITY, 1.0] },
    RawDetection { class: u16::MAX, score: f32::NAN, r#box: [f32::MAX, -1.0, f32::MIN, 0.0] },
];

/// A board description: what is accepted has its slots inside the pool, one behind the other, and
/// everything that is generated from it can be.
pub fn board(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let board = match Board::parse(text, "b.toml") {
        Ok(board) => board,
        Err(error) => {
            assert!(error.to_string().starts_with("b.toml: "), "{error}");
            return false;
        }
    };
    for file in tandem_boards::generate::files(&board) {
        assert!(file.text.starts_with(['/', '#']) && file.text.ends_with('\n'), "{}", file.name);
    }
    let slots = board.resolve_slots();
    assert!((4..=64).contains(&slots.len()));
    let mut end = u64::from(board.regions.pool.base);
    for slot in &slots {
        assert!(
            u64::from(slot.addr) >= end && board.regions.pool.contains(slot.addr, slot.capacity)
        );
        end = u64::from(slot.addr) + u64::from(slot.capacity);
    }
    true
}

/// A factory fixture's plan: an error points into the text; what is accepted has limits that let
/// their own edges pass. The same bytes as an identity EEPROM.
pub fn fixture_plan(bytes: &[u8]) -> bool {
    let _ = read_identity(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let plan = match Plan::parse("p.toml", text) {
        Ok(plan) => plan,
        Err(error) => {
            assert!((1..=text.matches('\n').count() + 1).contains(&error.line) && error.column > 0);
            return false;
        }
    };
    for (phase, measurement) in plan.measurements() {
        assert!(!phase.time_limit.is_zero());
        let limits = &measurement.limits;
        let numbers = [limits.min, limits.marginal_min, limits.marginal_max, limits.max];
        let listed = limits.equals.iter().chain(limits.one_of.iter().flatten()).cloned();
        let edges = numbers.into_iter().flatten().map(Value::Number).chain(listed);
        for edge in edges {
            assert!(limits.judge(&edge) != Judgement::Fail, "{limits}: {edge}");
        }
        assert!(!limits.to_string().is_empty());
    }
    true
}

/// A model's folder, `m/1`: `model.toml`, `labels.txt` and `golden.json` with a zero byte between
/// them. What is accepted gives the kernels parameters that they take.
pub fn model(bytes: &[u8]) -> bool {
    thread_local! {
        static ROOT: RefCell<Option<TempDir>> = const { RefCell::new(None) };
    }
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    ROOT.with_borrow_mut(|root| {
        let root = root.get_or_insert_with(|| tempfile::tempdir().expect("a folder"));
        let dir = root.path().join("m/1");
        fs::create_dir_all(&dir).expect("a folder");
        for name in ["model.toml", "labels.txt", "golden.json"] {
            fs::write(dir.join(name), parts.next().unwrap_or_default()).expect("a file");
        }
        let model = match Model::load(&dir) {
            Ok(model) => model,
            Err(error) => {
                assert!(error.to_string().contains("m/1"), "{error}");
                return false;
            }
        };
        let post = model.post_params();
        assert_eq!(post.validate(), Ok(()), "{:?}", model.descriptor());
        assert!(post.heads_bytes() <= model.heads_bytes());
        let pre = model.pre_params(Frame::rgb8(640, 480)).expect("any camera's frame");
        assert_eq!(pre.tensor_bytes(), model.tensor_bytes());
        for golden in model.golden() {
            let _ = golden.check(&golden.detections);
        }
        true
    })
}

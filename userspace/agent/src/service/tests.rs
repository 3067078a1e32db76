use super::testing::{RECIPES, card, userspace, with_service};
use super::*;
use crate::api::Outcome;
use crate::control::ImageRequest;
use crate::setup::Setup;

#[test]
fn an_image_becomes_a_verdict_with_all_its_stages() {
    with_service(|service| async move {
        let inspection = service.inspect(card()).await.unwrap();
        assert_eq!(inspection.image, "card.jpg");
        assert_eq!(inspection.size, [48, 40]);
        assert_eq!(inspection.verdict.result, Outcome::Pass, "{inspection:?}");
        assert_eq!(inspection.detections.len(), 1);
        assert_eq!(inspection.detections[0].label, "person");
        let stages: Vec<&str> = inspection.stages.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(stages, ["ingest", "pre", "main", "post", "verdict"]);
        assert!(inspection.degraded.is_empty(), "{:?}", inspection.degraded);
    });
}

#[test]
fn a_request_may_name_its_own_recipe_and_a_switch_is_for_all() {
    with_service(|service| async move {
        let fails = ImageRequest { recipe: Some("fails".into()), ..card() };
        let inspection = service.inspect(fails.clone()).await.unwrap();
        assert_eq!(
            (inspection.verdict.result, inspection.recipe.as_str()),
            (Outcome::Fail, "fails")
        );
        assert_eq!(inspection.verdict.reason, "Found 1 of any class, at most 0 allowed");
        assert_eq!(service.inspect(card()).await.unwrap().recipe, "passes");
        let error = service.switch_recipe("broken").unwrap_err();
        assert_eq!((error.code.as_str(), error.field.as_str()), ("recipe_syntax", "width"));
        assert_eq!(service.status().await.recipe, "passes", "the last good one stays");
        service.switch_recipe("fails").unwrap();
        assert_eq!(service.inspect(card()).await.unwrap().verdict.rule, "empty");
        let (inspection, explanation) = service.explain(card()).await.unwrap();
        assert_eq!(explanation.rule, inspection.verdict.rule);
        assert_eq!(explanation.rules[0].measured, Some(1.0));
        let list = service.recipes().unwrap();
        assert_eq!(list.len(), RECIPES.len());
        assert!(list.iter().any(|recipe| recipe.name == "fails" && recipe.active));
    });
}

#[test]
fn bad_images_are_refused_by_code_and_leave_every_slot_free() {
    with_service(|service| async move {
        let good = card().bytes.0;
        let cases: [(Vec<u8>, &str); 5] = [
            (Vec::new(), "image_empty"),
            (good[..good.len() / 2].to_vec(), "image_truncated"),
            (b"no image at all".to_vec(), "image_format"),
            (
                include_bytes!("../../testdata/rgb.png")
                    .map(|byte| byte ^ u8::from(byte == 48))
                    .to_vec(),
                "image_corrupt",
            ),
            (
                b"TNDMRAW1\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(),
                "image_zero_size",
            ),
        ];
        for (bytes, code) in cases {
            let request = ImageRequest { bytes: bytes.into(), ..card() };
            assert_eq!(service.inspect(request).await.unwrap_err().code, code);
        }
        let unknown = ImageRequest { recipe: Some("nobody".into()), ..card() };
        assert_eq!(service.inspect(unknown).await.unwrap_err().code, "recipe_unknown");
        // More than there are slots: none was lost.
        for _ in 0..8 {
            service.inspect(card()).await.unwrap();
        }
        let report = service.status().await.report.unwrap();
        assert!(report.slots.is_clean(), "{report:?}");
    });
}

#[test]
fn an_impossible_deadline_is_an_unknown_verdict_not_an_error() {
    with_service(|service| async move {
        let late = ImageRequest { deadline_ms: Some(0), ..card() };
        let inspection = service.inspect(late).await.unwrap();
        assert_eq!(inspection.verdict.result, Outcome::Unknown);
        assert!(!inspection.verdict.deadline_met);
    });
}

#[test]
fn the_tensor_is_the_models_input() {
    with_service(|service| async move {
        let dump = service.tensor(card()).await.unwrap();
        assert_eq!((dump.width, dump.height), (416, 416));
        assert_eq!(dump.bytes.0.len(), 3 * 416 * 416);
    });
}

#[test]
fn pings_and_benches_report_what_they_were_asked() {
    with_service(|service| async move {
        let ping = service.ping(10).await.unwrap();
        assert_eq!((ping.sent, ping.answered), (10, 10));
        assert!(ping.min_us <= ping.p50_us && ping.p50_us <= ping.max_us);
        assert_eq!(service.ping(0).await.unwrap_err().field, "count");
        let mut heard = 0;
        let report = service.bench(card(), 5, 2, 2, |_, _| heard += 1).await.unwrap();
        assert_eq!((heard, report.count, report.degraded), (7, 5, 0));
        let total = report.stages.last().unwrap();
        assert_eq!((total.stage.as_str(), total.count), ("total", 5));
        assert!(report.per_second > 0.0);
        let error = service.bench(card(), 1, 0, 0, |_, _| {}).await.unwrap_err();
        assert_eq!(error.field, "in_flight");
    });
}

#[test]
fn a_planted_fault_is_listed_taken_and_counted_once() {
    with_service(|service| async move {
        let error = service.inject("no_such_fault:pre").unwrap_err();
        assert_eq!(error.code, "fault_unknown");
        let planted = service.inject("hung_kernel:pre").unwrap();
        assert_eq!(planted.pending, ["hung_kernel:pre"]);
        let inspection = service.inspect(card()).await.unwrap();
        assert_eq!(inspection.verdict.result, Outcome::Pass);
        assert_eq!(inspection.degraded, ["kernel_hung"]);
        let after = service.faults().unwrap();
        assert_eq!((after.pending.len(), after.taken.len()), (0, 1));
        assert_eq!(service.stats().incident_sum(), 1);
    });
}

#[test]
fn start_errors_name_what_is_missing_and_the_next_step() {
    let near = Setup::near(&userspace());
    let missing = Setup { models: "/nonexistent".into(), ..near.clone() }.prepare().unwrap_err();
    assert_eq!(missing.code(), "folder_missing");
    assert!(missing.to_string().contains("--models"), "{missing}");
    let unknown = Setup { recipe: "nobody".into(), ..near.clone() }.prepare().unwrap_err();
    assert_eq!(unknown.code(), "recipe_unknown");
    let board = Setup { board: Some("/nonexistent.toml".into()), ..near.clone() };
    assert_eq!(board.prepare().unwrap_err().code(), "board_invalid");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("r.toml"), "model = \"nothing/9\"").unwrap();
    let setup = Setup { recipes: folder.path().to_owned(), recipe: "r".into(), ..near.clone() };
    let error = setup.prepare().unwrap_err();
    assert_eq!(error.code(), "recipe_unknown_model");
    assert!(error.to_string().contains("yolov3-tiny/1"), "names what is there: {error}");
}

#[test]
fn a_missing_runtime_library_is_named() {
    let mut setup = Setup::near(&userspace());
    setup.engine.choice = tandem_engine::EngineChoice::Ort;
    setup.engine.library = Some("/nonexistent/libonnxruntime.so".into());
    let model = setup.prepare().unwrap().model;
    let error = match tandem_engine::load_engine_with(&model, &setup.engine) {
        Ok(_) => panic!("loaded a library that is not there"),
        Err(error) => crate::setup::SetupError::Engine(error),
    };
    assert_eq!(error.code(), "library_missing", "{error}");
    assert!(error.to_string().contains("scripts/setup"), "{error}");
    assert!(ApiError::from(error).field.contains("/nonexistent/libonnxruntime.so"));
}

use proptest::prelude::*;

use super::*;

const EXAMPLE: &str = include_str!("../examples/two-lines.yaml");
const WORKER: &str = "tcp://10.0.2.2:7700";
const MODEL: &str = "yolov3-tiny/1";

fn catalog() -> Catalog {
    let engine = |name: &str, kind| EngineEntry { name: name.to_owned(), kind, bound: None };
    Catalog {
        models: vec![MODEL.to_owned()],
        engines: vec![engine(WORKER, EngineKind::Worker), engine("rten", EngineKind::Cpu)],
        can: Abilities::default(),
    }
}

fn bind(text: &str) -> Snapshot {
    catalog().bind(Document::parse(text).expect(text)).expect(text)
}

fn facts(stream: &str) -> Facts<'_> {
    Facts {
        job: 1,
        model: MODEL,
        stream,
        priority: None,
        deadline_ms: 2000,
        logic_up: true,
        ready: EngineSet::ALL,
        load: 0.0,
    }
}

/// `default: fpga-gpu-fpga` and this list of rules.
fn rules(rules: &str) -> String {
    format!("name: p\nversion: 1\ndefault: fpga-gpu-fpga\nrules:\n{rules}")
}

#[test]
fn the_first_rule_that_matches_decides() {
    let policy = bind(EXAMPLE);
    let decide = |facts: Facts<'_>| {
        let decision = policy.decide(&facts);
        (policy.rule_name(&decision).to_owned(), decision)
    };
    let (rule, decision) = decide(facts("office"));
    assert_eq!((rule.as_str(), decision.route.kind), ("default", RouteKind::FpgaGpuFpga));
    assert_eq!((decision.priority, decision.route.engines), (DEFAULT_PRIORITY, EngineSet(0b11)));

    let lost = Facts { ready: EngineSet(0b10), ..facts("packing-1") };
    let (rule, decision) = decide(lost);
    assert_eq!((rule.as_str(), decision.route.kind), ("urgent-without-worker", RouteKind::CpuOnly));
    assert_eq!((decision.route.engines, decision.priority), (EngineSet(0b10), 9));

    assert_eq!(decide(Facts { deadline_ms: 500, ..facts("packing-1") }).0, "packing");
    assert_eq!(decide(Facts { deadline_ms: 501, ..facts("packing-1") }).0, "default");
    assert_eq!(decide(facts("audit")).0, "audit");
    let (rule, decision) = decide(Facts { priority: Some(4), load: 0.75, ..facts("audit") });
    assert_eq!((rule.as_str(), decision.route.engines), ("overflow", EngineSet(0b01)));
    assert_eq!(decide(Facts { load: 0.9, ..facts("packing-1") }).0, "default", "priority 9");
}

#[test]
fn the_canary_takes_its_share_and_the_same_jobs_each_time() {
    let policy = bind(EXAMPLE);
    let canary = |job| policy.decide(&Facts { job, deadline_ms: 100, ..facts("packing-1") });
    let taken: Vec<u64> = (0..10_000).filter(|job| canary(*job).canary).collect();
    assert!((485..=515).contains(&taken.len()), "{}", taken.len());
    for job in taken {
        assert_eq!(canary(job).route.kind, RouteKind::Remote);
    }
    assert_eq!(canary(7), canary(7));
}

/// Each bad document, and what its finding must say: code, line, column, field, next step.
#[test]
fn bad_documents_name_place_field_and_next_step() {
    let head = "name: p\nversion: 1\ndefault: cpu-only\n";
    let rule = |body: &str| rules(&format!("  - name: a\n    route: cpu-only\n{body}"));
    let cases: [(String, &str, u32, u32, &str, &str); 33] = [
        (format!("{head}modle: x\n"), "unknown_field", 4, 1, "modle", "there are: name"),
        (format!("{head}rulse: []\n"), "unknown_field", 4, 1, "rulse", "did you mean \"rules\"?"),
        (format!("{head}name: q\n"), "duplicate", 4, 1, "name", "remove one"),
        ("version: 1\ndefault: cpu-only\n".into(), "missing_field", 1, 1, "name", "add name:"),
        ("name: p\nversion: x\ndefault: cpu-only\n".into(), "type", 2, 10, "version", "no number"),
        ("name: p\nversion: 0\ndefault: cpu-only\n".into(), "value", 2, 10, "version", "from 1"),
        ("name: p\nversion: 1.5\ndefault: cpu-only\n".into(), "value", 2, 10, "version", "whole"),
        ("name: 7\nversion: 1\ndefault: cpu-only\n".into(), "type", 1, 7, "name", "\"7\""),
        ("name: a b\nversion: 1\ndefault: cpu-only\n".into(), "value", 1, 7, "name", "letters"),
        ("name: p\nversion: 1\ndefault: cpu\n".into(), "value", 3, 10, "default", "cpu-only"),
        (
            "name: p\nversion: 1\ndefault: remote\n".into(),
            "missing_field",
            3,
            10,
            "default.engines",
            "tcp://",
        ),
        ("- a\n".into(), "type", 1, 1, "", "a map of fields"),
        ("name: [\n".into(), "syntax", 2, 1, "", ""),
        (rule("    match: 3\n"), "type", 7, 12, "rules[0].match", "a map"),
        (
            rule("    match: {strem: a}\n"),
            "unknown_field",
            7,
            13,
            "rules[0].match.strem",
            "\"stream\"?",
        ),
        (rule("    match: {stream: 5}\n"), "type", 7, 21, "rules[0].match.stream", "quotes"),
        (rule("    match: {stream: [a]}\n"), "type", 7, 21, "rules[0].match.stream", "needs text"),
        (rule("    match: {priority: 256}\n"), "value", 7, 23, "rules[0].match.priority", "to 255"),
        (
            rule("    match: {priority: \"5\"}\n"),
            "type",
            7,
            23,
            "rules[0].match.priority",
            "no number",
        ),
        (
            rule("    match: {priority: {min: 5, max: 4}}\n"),
            "value",
            7,
            23,
            "rules[0].match.priority",
            "above max",
        ),
        (
            rule("    match: {priority: {}}\n"),
            "value",
            7,
            23,
            "rules[0].match.priority",
            "give min",
        ),
        (
            rule("    match: {deadline_ms: {lo: 5}}\n"),
            "unknown_field",
            7,
            27,
            "rules[0].match.deadline_ms.lo",
            "there are: min, max",
        ),
        (
            rule("    match: {load: {min: 1.5}}\n"),
            "value",
            7,
            25,
            "rules[0].match.load.min",
            "to 1",
        ),
        (rule("    match: {load: .nan}\n"), "type", 7, 19, "rules[0].match.load", "no number"),
        (
            rule("    match: {health: {pl: on}}\n"),
            "value",
            7,
            26,
            "rules[0].match.health.pl",
            "not known",
        ),
        (
            rule("    match: {health: {engines: {x: up}}}\n"),
            "value",
            7,
            35,
            "rules[0].match.health.engines.x",
            "ready",
        ),
        (
            rule("    canary: {share: 0.1}\n"),
            "value",
            7,
            13,
            "rules[0].canary",
            "either route or model",
        ),
        (
            rule("    canary: {route: gpu-only, share: 0}\n"),
            "value",
            7,
            38,
            "rules[0].canary.share",
            "above 0 to 1",
        ),
        (
            rule("    canary: {route: gpu-only, share: 5%}\n"),
            "type",
            7,
            38,
            "rules[0].canary.share",
            "above 0 to 1",
        ),
        (
            rule("    shadow: {route: gpu-only}\n"),
            "missing_field",
            7,
            13,
            "rules[0].shadow.share",
            "add share:",
        ),
        (
            rule("  - name: a\n    match: {stream: x}\n    route: gpu-only\n"),
            "unreachable",
            7,
            11,
            "rules[1]",
            "\"a\" of line 5",
        ),
        (
            format!("{head}streams:\n  - stream: x\n"),
            "missing_field",
            5,
            5,
            "streams[0]",
            "says nothing",
        ),
        (
            format!(
                "{head}streams:\n  - {{stream: a*, drop: newest}}\n  - {{stream: ab, drop: oldest}}\n"
            ),
            "unreachable",
            6,
            14,
            "streams[1].stream",
            "of line 5",
        ),
    ];
    for (text, code, line, column, field, next) in cases {
        let findings = Document::parse(&text).expect_err(&text);
        let said = |finding: &Finding| {
            finding.code.name() == format!("policy_{code}")
                && finding.at == Some(Location { line, column })
                && finding.field == field
                && finding.message.contains(next)
        };
        assert!(findings.iter().any(said), "{text}\n{findings:#?}");
    }
}

#[test]
fn every_finding_is_told_at_once_and_in_order() {
    let text = "name: p\nversion: 0\ndefualt: cpu-only\nrules:\n  - name: a\n    route: fpga\n";
    let findings = Document::parse(text).unwrap_err();
    let lines: Vec<u32> = findings.iter().map(|finding| finding.at.unwrap().line).collect();
    assert_eq!(lines, [1, 2, 3, 6], "{findings:#?}");
    let shown = findings[3].render("p.yaml", text);
    assert!(shown.ends_with("  6 |     route: fpga\n    |            ^"), "{shown}");
}

#[test]
fn a_rule_that_nothing_is_left_to_is_refused_and_others_are_not() {
    let two = |first: &str, second: &str| {
        let rule = |name: &str, body: &str| {
            format!("  - name: {name}\n    match: {{{body}}}\n    route: cpu-only\n")
        };
        let text = rules(&(rule("first", first) + &rule("second", second)));
        Document::parse(&text).is_err_and(|f| f.iter().all(|f| f.code == Code::Unreachable))
    };
    for (first, second) in [
        ("stream: a*", "stream: ab, priority: 3"),
        ("priority: {min: 2}", "priority: {min: 3, max: 9}"),
        ("priority: {min: 0, max: 255}", "stream: a"),
        ("stream: \"*\"", "load: 0.5"),
        ("health: {pl: down}", "health: {pl: down}, model: m"),
        ("health: {engines: {a: lost}}", "health: {engines: {b: ready, a: lost}}"),
    ] {
        assert!(two(first, second), "{first} before {second}");
        assert!(!two(second, first) || first == second, "{second} before {first}");
    }
    for (first, second) in [
        ("stream: ab", "stream: a*"),
        ("deadline_ms: {max: 50}", "deadline_ms: {max: 51}"),
        ("health: {pl: down}", "health: {pl: up}"),
        ("stream: a, priority: 3", "stream: a"),
        ("model: m", "stream: m"),
    ] {
        assert!(!two(first, second), "{first} before {second}");
    }
}

#[test]
fn a_document_is_held_against_its_agent() {
    let refusals = |catalog: &Catalog, text: &str| {
        let findings = catalog.bind(Document::parse(text).unwrap()).unwrap_err();
        let told = |f: Finding| (f.code, f.field, f.message, f.at.unwrap().line);
        findings.into_iter().map(told).collect::<Vec<_>>()
    };
    let text = rules(
        "  - name: a\n    match: {model: yolo3-tiny/1}\n    route: {kind: remote, engines: [\"tcp://10.0.2.2:7701\"]}\n",
    );
    let found = refusals(&catalog(), &text);
    assert_eq!((found[0].0, found[0].1.as_str()), (Code::UnknownModel, "rules[0].match.model"));
    assert!(found[0].2.contains("did you mean \"yolov3-tiny/1\"?"), "{found:?}");
    assert_eq!((found[1].0, found[1].3), (Code::UnknownEngine, 7));
    assert_eq!(found[1].1, "rules[0].route.engines[0]");
    assert!(found[1].2.contains(WORKER), "{found:?}");

    let found =
        refusals(&catalog(), &rules("  - name: a\n    route: {kind: gpu-only, engines: [rten]}\n"));
    assert!(found[0].2.contains("gpu-only cannot use \"rten\""), "{found:?}");

    let mut alone = catalog();
    alone.engines.remove(0);
    let text = EXAMPLE.replace("- {stream: audit, priority: 1}", "- {stream: audit, drop: newest}");
    let found = refusals(&alone, &text);
    let codes: Vec<Code> = found.iter().map(|finding| finding.0).collect();
    let unsupported = codes.iter().filter(|code| **code == Code::Unsupported).count();
    assert_eq!((found.len(), unsupported), (5, 3), "{found:#?}");

    let canary = "  - name: a\n    route: cpu-only\n    canary: {model: yolov3-tiny/1, share: 0.1}\n    shadow: {route: cpu-only, share: 0.1}\n";
    let found = refusals(&catalog(), &rules(canary));
    assert!(found.iter().all(|finding| finding.0 == Code::Unsupported), "{found:#?}");
    assert_eq!(found.len(), 2);
}

#[test]
fn an_explanation_says_why_the_earlier_rules_did_not_match() {
    let policy = bind(EXAMPLE);
    let explanation = policy.explain(&Facts { priority: Some(3), ..facts("audit") });
    assert_eq!((explanation.rule.as_str(), explanation.policy.as_str()), ("audit", "two-lines@3"));
    assert_eq!(
        (explanation.route.as_str(), explanation.engines),
        ("cpu-only", vec!["rten".into()])
    );
    let why: Vec<String> = explanation.rules.iter().map(|rule| rule.why_not.join("; ")).collect();
    assert_eq!(
        why,
        [
            "tcp://10.0.2.2:7700 is ready, needs lost; stream is audit, needs packing-*",
            "deadline_ms is 2000, needs 0 to 500; stream is audit, needs packing-*",
            "",
            "load is 0, needs 0.75 to 1",
        ]
    );
    let decides: Vec<bool> = explanation.rules.iter().map(|rule| rule.decides).collect();
    assert_eq!(decides, [false, false, true, false]);
}

#[test]
fn a_difference_is_one_of_meaning() {
    let before = Document::parse(EXAMPLE).unwrap();
    let spelled = EXAMPLE.replace(
        "match: {stream: audit, priority: {max: 3}}",
        "match:\n      priority: {min: 0, max: 3}\n      stream: \"audit\"\n",
    );
    assert_eq!(diff(&before, &Document::parse(&spelled).unwrap()), []);
    let text = EXAMPLE
        .replace("version: 3", "version: 4")
        .replace("share: 0.05", "share: 0.1")
        .replace("- name: audit", "- name: inspection")
        .replace("default: fpga-gpu-fpga", "default: gpu-only");
    let text =
        text.replacen("rules:", "rules:\n  - {name: new, match: {stream: x}, route: cpu-only}", 1);
    let changes = diff(&before, &Document::parse(&text).unwrap());
    let told: Vec<String> = changes
        .iter()
        .map(|c| format!("{:?} {} [{}] [{}]", c.kind, c.what, c.before, c.after))
        .collect();
    assert_eq!(
        told,
        [
            "Changed version [3] [4]",
            "Changed default [fpga-gpu-fpga] [gpu-only]",
            "Removed rule audit [match stream audit, priority 0 to 3; route cpu-only] []",
            "Added rule new [] [match stream x; route cpu-only]",
            "Changed rule packing: canary [5 % to remote (tcp://10.0.2.2:7700)] [10 % to remote (tcp://10.0.2.2:7700)]",
            "Added rule inspection [] [match stream audit, priority 0 to 3; route cpu-only]",
        ]
    );
    let mut turned = before.clone();
    turned.rules.swap(0, 3);
    let moved = diff(&before, &turned);
    assert!(moved.iter().all(|change| change.kind == ChangeKind::Moved), "{moved:?}");
    assert_eq!(moved.len(), 2, "the two between keep their places: {moved:?}");
}

#[test]
fn a_store_keeps_the_last_good_policy_and_counts_what_it_refuses() {
    let store = Store::new(catalog());
    let good = rules("  - name: a\n    match: {stream: a}\n    route: cpu-only\n");
    assert!(store.current().is_none());
    assert_eq!(store.offer("f", &good, Some("p")).unwrap().id(), "p@1");
    let held = store.current().unwrap();
    store.offer("f", &format!("# the same\n{good}"), None).unwrap();
    assert!(std::sync::Arc::ptr_eq(&held, &store.current().unwrap()), "says the same");
    let other = good.replace("cpu-only", "gpu-only");
    let refusal = store.offer("f", &other, None).unwrap_err();
    assert_eq!(refusal.code(), Code::SameVersion);
    assert_eq!(store.offer("f", &good, Some("q")).unwrap_err().findings[0].field, "name");
    assert!(store.offer("f", "name: [", None).is_err());
    let status = store.report();
    assert_eq!((status.changes, status.refused.values().sum::<u64>()), (1, 3));
    assert_eq!(status.refused["policy_same_version"], 1);
    assert!(status.last_refusal.contains("f:1:8"), "{status:?}");
    store.offer("f", &other.replace("version: 1", "version: 2"), None).unwrap();
    assert_eq!(store.report().policy.as_deref(), Some("p@2"));
    assert_eq!(store.offer("f", &good, None).unwrap().id(), "p@1", "back again");
}

#[test]
fn sources_are_read_from_their_addresses() {
    let read = |text: &str| text.parse::<Source>();
    assert!(matches!(read("/etc/p.yaml"), Ok(Source::Path(_))));
    let Ok(Source::Redis { url, name }) = read("redis://:secret@host:6379/2#line") else {
        panic!()
    };
    assert_eq!((url.as_str(), name.as_str()), ("redis://:secret@host:6379/2", "line"));
    assert_eq!(read("redis://:secret@host/2#line").unwrap().to_string(), "redis://host/2#line");
    assert!(matches!(read("redis+unix:///x"), Ok(Source::Redis { name, .. }) if name == "default"));
    assert!(read("redis://[").is_err() && read("redis://h#a b").is_err());
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = Document::parse(&text);
    }

    #[test]
    fn no_damage_to_a_good_document_panics(at in 0..EXAMPLE.len(), with in any::<char>()) {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        text[at] = with;
        let _ = Document::parse(&text.into_iter().collect::<String>());
    }

    /// The trace and the decision are two ways to one answer.
    #[test]
    fn the_reasons_agree_with_the_decision(
        stream in "(packing-[12]|audit|x|)", priority in proptest::option::of(0..12u8),
        deadline_ms in 0..1000u32, ready in 0..4u64, load in 0..=4u8, job in any::<u64>(),
    ) {
        let policy = bind(EXAMPLE);
        let load = f64::from(load) / 4.0;
        let facts = Facts { job, priority, deadline_ms, ready: EngineSet(ready), load, ..facts(&stream) };
        let decision = policy.decide(&facts);
        let explained = policy.explain(&facts);
        let first = explained.rules.iter().position(|rule| rule.why_not.is_empty());
        prop_assert_eq!(decision.rule.map(usize::from), first);
        prop_assert_eq!(explained.canary, decision.canary);
    }
}

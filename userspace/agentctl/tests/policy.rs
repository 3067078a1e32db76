//! `agentctl policy` as scripts use it: alone, and against an agent on a socket.

mod common;

use common::{Bench, agentctl, card, lines, stderr};

/// Fits the bench's agent: one engine of its own, no worker.
const GOOD: &str = "\
name: line
version: 1
default: fpga-gpu-fpga
rules:
  - name: audit
    match: {stream: audit, priority: {max: 3}}
    route: cpu-only
";

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn check_shows_every_finding_with_its_place_and_needs_no_agent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.yaml");
    let file = path.to_str().unwrap();
    std::fs::write(&path, GOOD).unwrap();
    let output = agentctl(&["policy", "check", file]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), format!("{file}: line@1 is good\n"));

    let bad = GOOD.replace("priority: {max: 3}", "prioritty: 3").replace("cpu-only", "cpu-olny");
    std::fs::write(&path, &bad).unwrap();
    let output = agentctl(&["policy", "check", file]);
    assert_eq!(output.status.code(), Some(1));
    let excerpt =
        "  6 |     match: {stream: audit, prioritty: 3}\n    |                            ^";
    let text = stdout(&output);
    assert!(text.contains(&format!("{file}:6:28: rules[0].match.prioritty")), "{text}");
    assert!(text.contains(excerpt), "{text}");
    assert!(text.contains("did you mean \"cpu-only\"?"), "{text}");
    let output = agentctl(&["policy", "check", file, "-o", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let found = &lines(&output)[0]["findings"];
    assert_eq!((&found[0]["line"], &found[0]["column"]), (&6.into(), &28.into()));
    assert_eq!(found[1]["code"], "policy_value");
    assert_eq!(found[1]["field"], "rules[0].route");
}

#[test]
fn diff_is_by_meaning_and_exits_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let before = write("a.yaml", GOOD);
    let spelled = GOOD.replace(
        "{stream: audit, priority: {max: 3}}",
        "\n      stream: audit\n      priority: {min: 0, max: 3}",
    );
    let same = write("b.yaml", &format!("# other words\n{spelled}"));
    let other =
        write("c.yaml", &GOOD.replace("max: 3", "max: 4").replace("version: 1", "version: 2"));
    let diff = |a: &str, b: &str| agentctl(&["policy", "diff", a, b]);
    let output = diff(&before, &same);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "the same\n"));
    let output = diff(&before, &other);
    assert_eq!(output.status.code(), Some(4));
    let text = stdout(&output);
    assert!(text.contains("~ rule audit: match") && text.contains("0 to 3"), "{text}");
    let bad = write("d.yaml", "name: [");
    assert_eq!(diff(&before, &bad).status.code(), Some(1));
}

#[test]
fn apply_is_whole_and_answers_name_the_policy_and_its_route() {
    let bench = Bench::start();
    let image = card("baseline.jpg");
    let image = image.to_str().unwrap();
    let inspect = |stream: &str| {
        let output = bench.run(&["inspect", image, "--stream", stream, "-o", "json"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        lines(&output).remove(0)
    };
    assert!(inspect("audit")["route"].is_null(), "without a policy all is as ever");
    assert_eq!(bench.run(&["policy", "explain", image]).status.code(), Some(1));

    let path = bench.path("p.yaml");
    let file = path.to_str().unwrap();
    std::fs::write(&path, GOOD).unwrap();
    let output = bench.run(&["policy", "apply", file]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "line@1 is in force\n");
    let answer = inspect("audit");
    assert_eq!(answer["route"]["policy"], "line@1");
    assert_eq!(answer["route"]["rule"], "audit");
    assert_eq!(answer["route"]["route"], "cpu-only");
    assert_eq!(
        (&answer["stages"][1]["silicon"], &answer["stages"][3]["silicon"]),
        (&"cpu".into(), &"cpu".into())
    );
    assert_eq!(answer["degraded"].as_array().unwrap().len(), 0);
    let answer = inspect("other");
    assert_eq!(
        (&answer["route"]["rule"], &answer["stages"][1]["silicon"]),
        (&"default".into(), &"pl".into())
    );

    let output = bench.run(&["policy", "explain", image, "--stream", "audit", "--priority", "4"]);
    let text = stdout(&output);
    assert!(text.contains("line@1: rule default, priority 4"), "{text}");
    assert!(text.contains("audit  priority is 4, needs 0 to 3"), "{text}");
    assert!(text.contains("route fpga-gpu-fpga on "), "{text}");

    // What this agent cannot do is refused by name, here and at apply; the last good one stays.
    std::fs::write(&path, GOOD.replace("version: 1", "version: 2").replace("cpu-only", "gpu-only"))
        .unwrap();
    assert_eq!(agentctl(&["policy", "check", file]).status.code(), Some(0));
    let output = bench.run(&["policy", "check", file]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("gpu-only needs a gpu-worker"), "{}", stdout(&output));
    let output = bench.run(&["policy", "apply", file]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).ends_with("line@1 stays in force\n"), "{}", stdout(&output));
    let output = bench.run(&["policy", "show", "-o", "json"]);
    let shown = &lines(&output)[0];
    assert_eq!(shown["policy"], "line@1");
    assert_eq!(shown["rules"][0]["matches"], "stream audit, priority 0 to 3");
    assert_eq!(shown["status"]["refused"]["policy_unsupported"], 1);
    let status = stdout(&bench.run(&["status"]));
    assert!(status.contains("policy      line@1 (from "), "{status}");
}

#[test]
fn an_agent_follows_the_file_that_it_was_started_with() {
    let bench = Bench::with(|setup, folder| {
        let path = folder.join("p.yaml");
        std::fs::write(&path, GOOD).unwrap();
        setup.policy = Some(path.to_str().unwrap().parse().unwrap());
    });
    let in_force = || bench.json(&["policy", "show"])[0]["policy"].as_str().unwrap().to_owned();
    assert_eq!(in_force(), "line@1", "from the first image on");
    std::fs::write(bench.path("p.yaml"), GOOD.replace("version: 1", "version: 2")).unwrap();
    let began = std::time::Instant::now();
    while in_force() != "line@2" {
        assert!(began.elapsed().as_secs() < 120, "{:?}", bench.json(&["policy", "show"]));
    }
    std::fs::write(bench.path("p.yaml"), "name: [").unwrap();
    let refused = || bench.json(&["status"])[0]["policy"]["refused"]["policy_syntax"].as_u64();
    while refused().is_none() {
        assert!(began.elapsed().as_secs() < 240, "{:?}", bench.json(&["status"]));
    }
    assert_eq!(in_force(), "line@2", "the last good one stays");
}

/// Two jobs in 3 ms, of three streams, for an engine that takes 3 ms for one and 4 for two: a third
/// more than it can do.
fn load() -> String {
    let line = |n: u32| {
        format!(
            "{{\"time_ms\": {}, \"stream\": \"cam-{}\", \"model\": \"m\", \"priority\": {}, \
             \"deadline_ms\": 20}}\n",
            n * 3 / 2,
            n % 3,
            if n.is_multiple_of(3) { 9 } else { 1 },
        )
    };
    (0..500).map(line).collect()
}

#[test]
fn tune_simulates_a_load_and_its_lines_make_a_policy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("load.jsonl");
    let file = path.to_str().unwrap();
    std::fs::write(&path, load()).unwrap();
    let tune = ["policy", "tune", file, "--cost", "m=1:3,2:4", "--jitter", "0", "-o", "json"];
    let output = agentctl(&tune);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let tuned = lines(&output).remove(0);
    assert_eq!((&tuned["jobs"], &tuned["streams"]), (&500.into(), &3.into()));
    assert_eq!(tuned["sustainable"], 500.0);
    let trials = tuned["trials"].as_array().unwrap();
    let best = &trials[0];
    // Of 667 jobs a second single runs do 333, batches of two 500.
    assert_eq!(best["largest_batch"], 2, "{best}");
    let part = |trial: &serde_json::Value| trial["in_time"].as_f64().unwrap();
    assert!(trials.iter().all(|trial| part(trial) <= part(best) + 0.005));
    assert!(part(best) > 0.7 && part(&tuned["edf"]) < 0.5 * part(best), "{tuned}");
    assert_eq!(output.stdout, agentctl(&tune).stdout, "the same load, the same answer");

    // The lines are the section of a policy.
    let policy = tuned["policy"].as_str().unwrap();
    let policy = format!("name: tuned\nversion: 1\ndefault: cpu-only\n{policy}");
    let yaml = folder.path().join("p.yaml");
    std::fs::write(&yaml, &policy).unwrap();
    let output = agentctl(&["policy", "check", yaml.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{policy}\n{}", stdout(&output));
    assert!(policy.contains("{stream: \"cam-0\", priority: 9, drop: "), "{policy}");

    let output = agentctl(&[
        "policy",
        "tune",
        "--streams",
        "4",
        "--rate",
        "300",
        "--seconds",
        "2",
        "--cost",
        "m=1:3,2:4",
    ]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(text.contains("of 4 streams") && text.contains("(FIFO)"), "{text}");
    assert!(text.contains("streams:\n  - {stream: \"*\", priority: 0, drop: "), "{text}");
}

#[test]
fn tune_says_what_is_wrong_with_a_load_or_costs_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("load.jsonl");
    let file = path.to_str().unwrap();
    std::fs::write(&path, load() + "{\"time_ms\": 1, \"model\": \"m\"}\n").unwrap();
    let fails = |args: &[&str]| {
        let output = agentctl(&[&["policy", "tune"], args].concat());
        (output.status.code(), stderr(&output))
    };
    let (code, text) = fails(&[file, "--cost", "m=3"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("load.jsonl:501:28: missing field `deadline_ms`"), "{text}");
    std::fs::write(&path, load()).unwrap();
    let (code, text) = fails(&[file, "--cost", "n=3"]);
    assert!(code == Some(1) && text.contains("add --cost m=MS"), "{text}");
    let (code, text) = fails(&[file, "--cost", "m=x"]);
    assert!(code == Some(2) && text.contains("\"x\" is no time in milliseconds"), "{text}");
    let (code, text) = fails(&["--streams", "3", "--cost", "m=3"]);
    assert!(code == Some(2) && text.contains("--rate"), "{text}");
}

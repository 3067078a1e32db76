//! What anyone may send, by both doors: the command line and HTTP. Each gets an error with a code
//! and a field (or a verdict with a code, where the image was taken in), slots are free afterwards,
//! nothing panics, and the next good image is answered as ever.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tandem_agent::http;
use tandem_agent::server::Socket;
use tandem_agent::service::Service;
use tandem_agent::setup::Setup;
use tandem_tests::bad_images::{bad_images, raw};
use tandem_tests::programs::{LONG, Ran, ctl};
use tandem_tests::repository::{needed, photograph, root, text};

/// An agent of this process with both doors open, and a folder of its own.
struct Doors {
    folder: tempfile::TempDir,
    address: SocketAddr,
    service: Arc<Service>,
    runtime: tokio::runtime::Runtime,
}

impl Doors {
    /// Recipes are `(name, text)`; the first is in force and names the model.
    fn open(models: &Path, recipes: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = folder.path().join("recipes");
        std::fs::create_dir(&shelf).expect("a folder");
        for (name, text) in recipes {
            std::fs::write(shelf.join(format!("{name}.toml")), text).expect("a recipe");
        }
        let mut setup = Setup::near(&root());
        setup.models = models.to_owned();
        setup.recipes = shelf;
        setup.recipe = recipes[0].0.to_owned();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let inside = runtime.enter();
        let service = setup.start().expect("an agent");
        assert!(runtime.block_on(service.wait_ready(Duration::from_secs(60))));
        let socket = Socket::bind(&folder.path().join("agent.sock")).expect("a socket");
        let serving = service.clone();
        runtime.spawn(async move { socket.serve(serving).await });
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("an ephemeral port");
        let address = listener.local_addr().expect("its number");
        let router = http::router(service.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        drop(inside);
        Self { folder, address, service, runtime }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `agentctl` at the socket.
    fn ctl(&self, arguments: &[&str]) -> Ran {
        let target = format!("unix://{}", self.path("agent.sock").display());
        ctl(&[&["--target", &target, "-o", "json"], arguments].concat())
    }

    /// Status and JSON of a POST.
    fn post(&self, query: &str, body: &[u8]) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address).expect("the agent listens");
        stream.set_read_timeout(Some(LONG)).expect("a bound");
        let head = format!(
            "POST /v1/inspect{query} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("a request");
        // A body above the limit is answered before it was sent.
        let _cut = stream.write_all(body);
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status in {answer:?}"));
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let json = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e} in {answer:?}"));
        (status, json)
    }

    /// Nothing is held by anybody: every image was answered or refused.
    fn assert_all_free(&self) {
        let agent = self.service.agent();
        let audit = agent.audit_slots().expect("the data plane lives");
        assert!(audit.is_clean(), "{audit:?}");
        let flow = agent.stats().flow;
        assert_eq!(flow["submitted"], flow["answered"]);
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        // Lanes that panicked would have said so: the audit of the end is the last word.
        let agent = self.service.agent().clone();
        let audit = agent.shutdown();
        let _inside = self.runtime.enter();
        if !std::thread::panicking() {
            assert!(audit.is_some_and(|audit| audit.is_clean()), "{audit:?}");
        }
    }
}

const PASSES: (&str, &str) = ("passes", "model = \"yolov3-tiny/1\"\n");

/// Recipes that are refused: name, text, code, field, HTTP status.
const BAD_RECIPES: [(&str, &str, &str, &str, u16); 7] = [
    ("syntax", "model = \n", "recipe_syntax", "model", 422),
    ("misspelt", "modle = \"yolov3-tiny/1\"\n", "recipe_syntax", "modle", 422),
    ("type", "model = 7\n", "recipe_syntax", "model", 422),
    (
        "value",
        "model = \"yolov3-tiny/1\"\nscore_threshold = 7.0\n",
        "recipe_value",
        "score_threshold",
        422,
    ),
    (
        "class",
        "model = \"yolov3-tiny/1\"\n[[rules]]\nname = \"a\"\nkind = \"count\"\nclasses = [\"persn\"]\nmin = 1\n",
        "recipe_unknown_class",
        "rules[0].classes",
        422,
    ),
    (
        "region",
        "model = \"yolov3-tiny/1\"\n[[rules]]\nname = \"a\"\nkind = \"count\"\nregion = \"moon\"\nmin = 1\n",
        "recipe_value",
        "rules[0].region",
        422,
    ),
    ("model", "model = \"yolov9/1\"\n", "recipe_unknown_model", "model", 422),
];

#[test]
fn bad_images_and_recipes_are_refused_by_name_at_both_doors() {
    let recipes: Vec<_> =
        [PASSES].into_iter().chain(BAD_RECIPES.map(|(name, text, ..)| (name, text))).collect();
    let doors = Doors::open(&needed("userspace/models"), &recipes);
    let good = std::fs::read(photograph("bus.jpg")).expect("a photograph");
    let (status, first) = doors.post("?name=bus", &good);
    assert_eq!((status, &first["verdict"]["result"]), (200, &json!("pass")), "{first}");
    http_refuses_images(&doors, &good, &first);
    agentctl_refuses_images(&doors, &first);
    recipes_are_refused(&doors, &good);
    let (_, last) = doors.post("?name=bus", &good);
    assert_eq!(last["detections"], first["detections"]);
    assert_eq!(doors.service.agent().stats().incident_sum(), 0, "bad input is no incident");
    doors.assert_all_free();
}

fn http_refuses_images(doors: &Doors, good: &[u8], first: &Value) {
    for (name, bytes, code, status) in bad_images() {
        let (have, error) = doors.post("", &bytes);
        assert_eq!((have, &error["code"]), (status, &json!(code)), "{name}: {error}");
        assert_eq!(error["field"], "image", "{name}: {error}");
        assert!(error["message"].as_str().is_some_and(|text| text.len() > 10), "{name}: {error}");
        doors.assert_all_free();
    }
    let (status, error) = doors.post("", &vec![0; http::MAX_BODY_BYTES + 1]);
    assert_eq!(
        (status, &error["code"], &error["field"]),
        (413, &json!("body_too_large"), &json!("body"))
    );
    let (status, error) = doors.post("?deadline_ms=soon", good);
    assert_eq!(
        (status, &error["code"], &error["field"]),
        (400, &json!("bad_request"), &json!("query"))
    );
    let (status, next) = doors.post("?name=bus", good);
    assert_eq!((status, &next["detections"]), (200, &first["detections"]));
}

fn agentctl_refuses_images(doors: &Doors, first: &Value) {
    let mut arguments = vec!["inspect".to_owned()];
    let images = bad_images();
    for (name, bytes, ..) in &images {
        std::fs::write(doors.path(name), bytes).expect("a file");
        arguments.push(text(&doors.path(name)).to_owned());
    }
    arguments.push(text(&photograph("bus.jpg")).to_owned());
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let lines = doors.ctl(&arguments).expect(1).lines();
    assert_eq!(lines.len(), images.len() + 1);
    for (line, (name, _, code, _)) in lines.iter().zip(&images) {
        assert!(line["image"].as_str().is_some_and(|image| image.ends_with(name)), "{line}");
        assert_eq!(
            (&line["error"]["code"], &line["error"]["field"]),
            (&json!(code), &json!("image"))
        );
    }
    assert_eq!(lines[images.len()]["detections"], first["detections"]);
    doors.assert_all_free();
}

fn recipes_are_refused(doors: &Doors, good: &[u8]) {
    for (name, _, code, field, status) in BAD_RECIPES {
        let (have, error) = doors.post(&format!("?recipe={name}"), good);
        assert_eq!((have, &error["code"]), (status, &json!(code)), "{name}: {error}");
        let file = format!("{name}.toml");
        let named = error["field"].as_str().expect("a field");
        assert!(named.starts_with(field), "{name}: {error}");
        assert!(error["message"].as_str().is_some_and(|text| text.contains(&file)), "{error}");
        let path = doors.path("recipes").join(&file);
        let error = doors.ctl(&["recipe", "check", text(&path)]).expect(1).error();
        assert_eq!(error["code"], code, "{name}: {error}");
        let error = doors.ctl(&["recipe", "switch", name]).expect(1).error();
        assert_eq!(error["code"], code, "{name}: {error}");
    }
    let (status, error) = doors.post("?recipe=nobody", good);
    assert_eq!((status, &error["code"]), (404, &json!("recipe_unknown")), "{error}");
    assert!(error["field"].as_str().is_some_and(|field| !field.is_empty()), "{error}");
    let (status, error) = doors.post("?recipe=../../../etc/passwd", good);
    assert_eq!((status, &error["code"]), (404, &json!("recipe_unknown")), "{error}");
    let (_, next) = doors.post("", good);
    assert_eq!(next["recipe"], "passes", "the last good one stays");
}

/// A model that goes wrong for one grey and not for the other.
fn sick_engine(model: &str, sick: u8, well: u8, code: &str, field: &str, incident: &str) {
    let recipe = format!("model = \"{model}/1\"\n");
    let doors = Doors::open(&needed("tests/fixtures/models"), &[("only", &recipe)]);
    let [bad, good] = [sick, well].map(|grey| raw(320, 320, grey));
    for (name, bytes) in [("bad", &bad), ("good", &good)] {
        std::fs::write(doors.path(name), bytes).expect("a file");
    }
    for round in 1..=8 {
        // More often than there are slots of any class that the sick run holds.
        let (status, answer) = doors.post("?name=bad", &bad);
        assert_eq!(status, 200, "{answer}");
        let verdict = &answer["verdict"];
        assert_eq!((&verdict["result"], &verdict["rule"]), (&json!("unknown"), &json!(code)));
        let error = &answer["error"];
        assert_eq!((&error["code"], &error["field"]), (&json!(code), &json!(field)), "{answer}");
        assert!(verdict["reason"].as_str().is_some_and(|text| text.len() > 10), "{verdict}");
        assert_eq!(answer["detections"], json!([]));
        doors.assert_all_free();
        let (_, answer) = doors.post("?name=good", &good);
        assert_eq!(answer["verdict"]["result"], "pass", "{answer}");
        assert_eq!(answer["error"], json!(null));
        let incidents = doors.service.agent().stats().incidents;
        assert_eq!(incidents[incident], round, "{incidents:?}");
        assert_eq!(incidents.values().sum::<u64>(), round, "{incidents:?}");
    }
    let [bad, good] = ["bad", "good"].map(|name| doors.path(name));
    let lines = doors.ctl(&["inspect", text(&bad), text(&good)]).expect(0).lines();
    assert_eq!(lines[0]["verdict"]["rule"], code);
    assert_eq!(lines[1]["verdict"]["result"], "pass");
    let strict = ["inspect", "--fail-on-verdict", text(&bad)];
    doors.ctl(&strict).expect(3);
    doors.assert_all_free();
}

#[test]
fn nan_from_the_main_model_is_an_unknown_verdict_with_a_code() {
    sick_engine("nan", 0, 140, "engine_not_finite", "heads", "engine_not_finite");
}

#[test]
fn too_many_candidates_are_an_unknown_verdict_with_a_code() {
    sick_engine("crowd", 255, 0, "refused", "post", "kernel_refused");
}

#[test]
fn what_cannot_be_started_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
    write("stranger.toml", "model = \"yolov9/1\"\n").expect("a recipe");
    write("broken.toml", "model = \n").expect("a recipe");
    let recipes = text(folder.path());
    let bus = photograph("bus.jpg");
    let refused = |arguments: &[&str]| {
        let start = ["-o", "json", "inspect", text(&bus)];
        ctl(&[&start[..], arguments].concat()).expect(1).error()
    };
    let library = "/nonexistent/libonnxruntime.so";
    let cases: [(&[&str], &str, &str); 6] = [
        (&["--engine", "ort", "--library", library], "library_missing", library),
        (&["--recipes", recipes, "--recipe", "stranger"], "recipe_unknown_model", "model"),
        (&["--recipes", recipes, "--recipe", "broken"], "recipe_syntax", ""),
        (&["--recipe", "nobody"], "recipe_unknown", ""),
        (&["--models", "/nonexistent"], "folder_missing", "/nonexistent"),
        (&["--board", "/nonexistent.toml"], "board_invalid", "board"),
    ];
    for (arguments, code, field) in cases {
        let error = refused(arguments);
        assert_eq!(error["code"], code, "{arguments:?}: {error}");
        let named = error["field"].as_str().expect("a field");
        assert!(!named.is_empty() && named.contains(field), "{arguments:?}: {error}");
        assert!(error["message"].as_str().is_some_and(|text| text.len() > 10), "{error}");
    }
    // Without the library the other runtime answers.
    let rten = ctl(&["-o", "json", "--engine", "rten", "inspect", text(&bus)]).expect(0).lines();
    assert_eq!(rten[0]["verdict"]["result"], "pass");
}

#[test]
fn a_full_disk_is_told_and_the_next_image_is_answered() {
    let doors = Doors::open(&needed("userspace/models"), &[PASSES]);
    let pictures = doors.path("pictures");
    std::fs::create_dir(&pictures).expect("a folder");
    symlink("/dev/full", pictures.join("bus.png")).expect("a disk without room");
    let [bus, coffee] = ["bus.jpg", "coffee.png"].map(photograph);
    let arguments = ["inspect", "--annotate", text(&pictures), text(&bus), text(&coffee)];
    let lines = doors.ctl(&arguments).expect(1).lines();
    assert_eq!(lines[0]["error"]["code"], "file_unwritable", "{}", lines[0]);
    assert!(lines[0]["error"]["field"].as_str().is_some_and(|field| field.ends_with("bus.png")));
    assert_eq!(lines[1]["verdict"]["result"], "pass");
    let png = std::fs::read(pictures.join("coffee.png")).expect("a picture");
    assert!(png.starts_with(b"\x89PNG"));
    let error = doors.ctl(&["tensor", text(&bus), "/dev/full"]).expect(1).error();
    assert_eq!((&error["code"], &error["field"]), (&json!("file_unwritable"), &json!("/dev/full")));
    doors.assert_all_free();
}

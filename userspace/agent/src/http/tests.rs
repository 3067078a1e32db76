use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::gate::{GateOption, Length, Way};
use crate::service::testing::{card, with_gate, with_service};

/// One request over a real connection; status and JSON (or text) of the answer.
async fn ask(service: &Arc<Service>, head: &str, body: &[u8]) -> (u16, Value) {
    ask_router(router(service.clone()), head, body).await
}

async fn ask_router(app: Router, head: &str, body: &[u8]) -> (u16, Value) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head =
        format!("{head}\r\nhost: t\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    server.abort();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let json = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
    (status, json)
}

#[test]
fn an_image_is_answered_with_its_inspection() {
    with_service(|service| async move {
        let image = card().bytes.0;
        let head = "POST /v1/inspect?name=a.jpg&deadline_ms=60000 HTTP/1.1";
        let (status, json) = ask(&service, head, &image).await;
        assert_eq!(status, 200, "{json}");
        assert_eq!(json["image"], "a.jpg");
        assert_eq!(json["verdict"]["result"], "pass");
        assert_eq!(json["verdict"]["deadline_met"], true);
        assert_eq!(json["detections"][0]["label"], "person");
        assert_eq!(json["detections"][0]["box"].as_array().unwrap().len(), 4);
        assert_eq!(json["stages"].as_array().unwrap().len(), 5);
        let head = "POST /v1/inspect HTTP/1.1\r\nx-tandem-name: h\r\nx-tandem-recipe: fails";
        let (status, json) = ask(&service, head, &image).await;
        assert_eq!((status, &json["verdict"]["result"]), (200, &Value::from("fail")));
        assert_eq!(json["image"], "h");
    });
}

#[test]
fn every_error_is_json_with_code_and_field() {
    with_service(|service| async move {
        let image = card().bytes.0;
        let raw_zero = b"TNDMRAW1\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let cases: [(&str, &[u8], u16, &str); 9] = [
            ("POST /v1/inspect HTTP/1.1", &image[..200], 400, "image_truncated"),
            ("POST /v1/inspect HTTP/1.1", b"", 400, "image_empty"),
            ("POST /v1/inspect HTTP/1.1", b"plain text", 415, "image_format"),
            ("POST /v1/inspect HTTP/1.1", raw_zero, 400, "image_zero_size"),
            ("POST /v1/inspect?recipe=nobody HTTP/1.1", &image, 404, "recipe_unknown"),
            ("POST /v1/inspect?recipe=broken HTTP/1.1", &image, 422, "recipe_syntax"),
            ("POST /v1/inspect?speed=9 HTTP/1.1", &image, 400, "bad_request"),
            ("GET /v1/inspect HTTP/1.1", b"", 405, "wrong_method"),
            ("GET /nothing HTTP/1.1", b"", 404, "not_found"),
        ];
        for (head, body, status, code) in cases {
            let (got, json) = ask(&service, head, body).await;
            assert_eq!((got, &json["code"]), (status, &Value::from(code)), "{head}: {json}");
            assert!(!json["field"].as_str().unwrap().is_empty());
        }
        let head = "POST /v1/inspect HTTP/1.1\r\nx-tandem-deadline-ms: soon";
        let (status, json) = ask(&service, head, &image).await;
        assert_eq!((status, &json["field"]), (400, &Value::from("x-tandem-deadline-ms")));
    });
}

#[test]
fn health_and_metrics_answer() {
    with_service(|service| async move {
        let (status, json) = ask(&service, "GET /healthz HTTP/1.1", b"").await;
        assert_eq!((status, &json["board"]), (200, &Value::from("virtual")), "{json}");
        let (status, text) = ask(&service, "GET /metrics HTTP/1.1", b"").await;
        let text = text.as_str().unwrap();
        assert_eq!(status, 200);
        assert!(text.contains("tandem_incidents_total{reason=\"kernel_hung\"} 0"), "{text}");
    });
}

#[test]
fn a_body_above_the_limit_is_refused_before_it_is_read() {
    with_service(|service| async move {
        let head = "POST /v1/inspect HTTP/1.1";
        let (status, json) = ask_router(limited(service, 16), head, &[0; 17]).await;
        assert_eq!((status, &json["code"]), (413, &Value::from("body_too_large")));
        assert_eq!(json["field"], "body");
    });
}

/// A way so long that no part of a test gets to the arm.
const LONG: GateOption =
    GateOption { delay: Way::Time(600_000_000_000), pulse: Length(20_000_000) };

#[test]
fn a_pass_takes_back_the_reject_of_the_part_with_its_tag() {
    with_gate(Some(LONG), |service| async move {
        let image = card().bytes.0;
        let line = service.agent().line().unwrap();
        let ready = async {
            while !line.ready() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ready).await.expect("the gate is set");
        let tags = [line.trigger().unwrap(), line.trigger().unwrap()];
        let mut seen = Vec::new();
        let mut next = 0;
        while seen.len() < 2 {
            let head = format!("GET /v1/triggers?after={next}&wait_ms=20000 HTTP/1.1");
            let (status, json) = ask(&service, &head, b"").await;
            assert_eq!((status, &json["missed"]), (200, &Value::from(0)), "{json}");
            let parts = json["triggers"].as_array().unwrap();
            assert!(!parts.is_empty(), "no part within the wait");
            seen.extend(parts.iter().map(|part| part["tag"].as_u64().unwrap() as u32));
            assert!(parts.iter().all(|part| part["due_in_us"].as_u64().unwrap() > 0), "{json}");
            next = json["next"].as_u64().unwrap();
        }
        assert_eq!(seen, tags);
        let good = format!("POST /v1/inspect?tag={}&deadline_ms=60000 HTTP/1.1", tags[0]);
        let (status, json) = ask(&service, &good, &image).await;
        assert_eq!((status, &json["verdict"]["result"]), (200, &Value::from("pass")), "{json}");
        assert_eq!(json["tag"], tags[0]);
        let bad = format!("POST /v1/inspect?tag={}&recipe=fails HTTP/1.1", tags[1]);
        let (_, json) = ask(&service, &bad, &image).await;
        assert_eq!((&json["verdict"]["result"], &json["tag"]), (&"fail".into(), &tags[1].into()));
        let cancelled = async {
            while line.counters().cancelled == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), cancelled)
            .await
            .expect("the pass gets there");
        assert_eq!(line.counters().cancelled, 1, "one pass, one cancel");
        let head = "POST /v1/inspect?tag=4000000000 HTTP/1.1";
        let (status, json) = ask(&service, head, &image).await;
        assert_eq!((status, &json["code"]), (404, &Value::from("tag_unknown")));
        let head = "POST /v1/inspect?gate_epoch=1 HTTP/1.1";
        assert_eq!(ask(&service, head, &image).await.1["code"], "tag_missing");
        assert_eq!(ask(&service, "GET /v1/triggers?before=3 HTTP/1.1", b"").await.0, 400);
    });
}

#[test]
fn an_agent_that_does_not_set_the_gate_says_so() {
    with_service(|service| async move {
        for head in ["GET /v1/triggers HTTP/1.1", "POST /v1/inspect?tag=1 HTTP/1.1"] {
            let (status, json) = ask(&service, head, b"").await;
            assert_eq!((status, &json["code"]), (409, &Value::from("gate_off")), "{json}");
        }
    });
}

#[test]
fn the_document_names_what_is_served() {
    with_service(|service| async move {
        let (status, document) = ask(&service, "GET /v1/openapi.json HTTP/1.1", b"").await;
        assert_eq!(status, 200);
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() >= 7, "{paths:?}");
        for (path, methods) in paths {
            for method in methods.as_object().unwrap().keys() {
                if path == "/v1/verdicts" {
                    continue; // without an end; `stream::tests` reads it
                }
                let head = format!("{} {path} HTTP/1.1", method.to_uppercase());
                let (status, _) = ask(&service, &head, b"").await;
                assert!(
                    methods[method]["responses"].get(status.to_string()).is_some(),
                    "{head}: {status}"
                );
            }
            let (status, json) = ask(&service, &format!("DELETE {path} HTTP/1.1"), b"").await;
            assert_eq!((status, &json["code"]), (405, &Value::from("wrong_method")), "{path}");
        }
    });
}

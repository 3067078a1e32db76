use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::service::testing::{card, with_service};

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

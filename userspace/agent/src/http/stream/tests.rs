use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::*;
use crate::http::router;
use crate::service::testing::{card, with_service};

/// Bound on every wait here, for a loaded machine.
const WITHIN: Duration = Duration::from_secs(60);

/// A connection on which a request of HTTP 1.0 was begun: the answer then ends with the connection.
async fn request(service: &Arc<Service>, head: &str) -> BufReader<TcpStream> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = router(service.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{head}\r\n\r\n").as_bytes()).await.unwrap();
    BufReader::new(stream)
}

/// The next line that is not empty, without its end; `None` at the end.
async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    loop {
        let mut line = String::new();
        let read = tokio::time::timeout(WITHIN, stream.read_line(&mut line)).await;
        match read.expect("a line in time").unwrap() {
            0 => return None,
            _ if line.trim().is_empty() => {}
            _ => return Some(line.trim().to_owned()),
        }
    }
}

fn framed(image: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(image.len()).unwrap().to_le_bytes().to_vec();
    frame.extend_from_slice(image);
    frame
}

#[test]
fn every_image_of_a_stream_is_answered_and_what_is_broken_is_told() {
    with_service(|service| async move {
        let image = card().bytes.0;
        let mut body = framed(&image);
        body.extend(framed(b"plain text"));
        body.extend(framed(&image));
        body.extend(&framed(&image)[..100]); // the connection ends in its midst
        let head = format!(
            "POST /v1/inspect/stream?window=1&deadline_ms=60000 HTTP/1.0\r\ncontent-length: {}",
            body.len()
        );
        let mut stream = request(&service, &head).await;
        stream.write_all(&body).await.unwrap();
        assert!(line(&mut stream).await.unwrap().contains("200"));
        let mut answers = Vec::new();
        while let Some(line) = line(&mut stream).await {
            if line.starts_with('{') {
                answers.push(serde_json::from_str::<Value>(&line).unwrap());
            }
        }
        let indices: Vec<_> = answers.iter().map(|line| line["index"].as_u64().unwrap()).collect();
        assert_eq!(indices, [0, 1, 2, 3]);
        assert_eq!(answers[0]["inspection"]["verdict"]["result"], "pass");
        assert_eq!(answers[1]["error"]["code"], "image_format");
        assert_eq!(answers[2]["inspection"]["image"], "2");
        assert_eq!(answers[3]["error"]["field"], "body");
        assert!(answers[3]["error"]["message"].as_str().unwrap().contains("inside a message"));
    });
}

#[test]
fn a_window_that_cannot_be_is_refused() {
    with_service(|service| async move {
        for window in ["0", "33", "many"] {
            let head = format!("POST /v1/inspect/stream?window={window} HTTP/1.0");
            let mut stream = request(&service, &head).await;
            assert!(line(&mut stream).await.unwrap().contains("400"), "window={window}");
        }
    });
}

#[test]
fn a_client_that_reads_no_verdicts_is_not_read_either() {
    with_service(|service| async move {
        let image = Bytes::from(framed(&card().bytes.0));
        let mut verdicts = service.follow_verdicts();
        let (images, request) = growing("application/octet-stream", 1);
        let (lines, mut answer) = mpsc::channel(1);
        let options = Options { window: 1, deadline_ms: Some(60_000), ..Options::default() };
        let body = BodyReader::new(request.into_body());
        tokio::spawn(feed(service, options, body, lines));
        // One verdict lies in the queue, one waits for room in it, one image waits to be read.
        for _ in 0..3 {
            tokio::time::timeout(WITHIN, images.send(image.clone())).await.unwrap().unwrap();
        }
        for _ in 0..2 {
            tokio::time::timeout(WITHIN, verdicts.recv()).await.unwrap().unwrap();
        }
        assert!(images.try_send(image.clone()).is_err(), "a fourth image was taken");
        assert!(verdicts.try_recv().is_err(), "a third image was inspected");
        drop(images);
        for index in 0..3 {
            let line = tokio::time::timeout(WITHIN, answer.recv()).await.unwrap().unwrap();
            let line: Value = serde_json::from_slice(&line).unwrap();
            assert_eq!(line["index"], index);
        }
        assert!(answer.recv().await.is_none());
    });
}

#[test]
fn onlookers_see_every_verdict_whatever_its_door() {
    with_service(|service| async move {
        let mut stream = request(&service, "GET /v1/verdicts HTTP/1.0").await;
        while line(&mut stream).await.expect("the head") != ": verdicts from now on" {}
        service.inspect(card()).await.unwrap();
        assert_eq!(line(&mut stream).await.unwrap(), "id: 1");
        assert_eq!(line(&mut stream).await.unwrap(), "event: verdict");
        let data = line(&mut stream).await.unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(data["image"], "card.jpg");
        assert_eq!(data["verdict"]["result"], "pass");
    });
}

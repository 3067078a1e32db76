use tokio::io::{AsyncWriteExt, DuplexStream};

use super::*;
use crate::service::testing::{card, with_service};

async fn hello(service: &Arc<Service>) -> DuplexStream {
    let (mut client, server) = tokio::io::duplex(1 << 16);
    tokio::spawn(serve_stream(service.clone(), server));
    let hello = Request::Hello { protocol: PROTOCOL, client: "test".into() };
    let answer = ask(&mut client, &hello).await;
    assert!(matches!(answer, Response::Hello { protocol: PROTOCOL, .. }), "{answer:?}");
    client
}

async fn ask(client: &mut DuplexStream, request: &Request) -> Response {
    frame::write(client, request).await.unwrap();
    frame::read(client).await.unwrap().expect("an answer")
}

fn code(response: Response) -> String {
    match response {
        Response::Error(error) => error.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_conversation_over_one_stream() {
    with_service(|service| async move {
        let client = &mut hello(&service).await;
        let Response::Inspection(inspection) = ask(client, &Request::Inspect(card())).await else {
            panic!("no inspection");
        };
        assert_eq!(inspection.detections.len(), 1);
        assert!(matches!(ask(client, &Request::Status).await, Response::Status(s) if s.is_ready()));
        assert!(matches!(ask(client, &Request::Stats).await, Response::Stats(_)));
        let Response::Recipes(list) = ask(client, &Request::RecipeList).await else {
            panic!("no list");
        };
        assert!(list[0].error.is_some(), "the broken one comes first and says why");
        let check = Request::RecipeCheck {
            file: "x.toml".into(),
            text: "model = \"yolov3-tiny/1\"\n[[rules]]\nname = \"a\"\nkind = \"class\"\n\
                   classes = [\"prson\"]"
                .into(),
        };
        let Response::Error(error) = ask(client, &check).await else { panic!("accepted") };
        assert_eq!(error.code, "recipe_unknown_class");
        assert!(error.message.starts_with("x.toml:5:12: "), "{error}");
        assert_eq!(
            code(ask(client, &Request::RecipeSwitch("broken".into())).await),
            "recipe_syntax"
        );
        assert_eq!(code(ask(client, &Request::FaultInject("x".into())).await), "fault_unknown");
    });
}

#[test]
fn logs_come_from_the_firmware_and_end() {
    with_service(|service| async move {
        let client = &mut hello(&service).await;
        frame::write(client, &Request::Logs { follow: false }).await.unwrap();
        let mut lines = Vec::new();
        loop {
            match frame::read(client).await.unwrap().unwrap() {
                Response::Logs(more) => lines.extend(more),
                Response::Done => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(lines.iter().any(|line| line.level == "info"), "{lines:?}");
    });
}

#[test]
fn a_bench_reports_after_its_progress() {
    with_service(|service| async move {
        let client = &mut hello(&service).await;
        let bench = Request::Bench { image: card(), count: 3, warmup: 0, in_flight: 1 };
        frame::write(client, &bench).await.unwrap();
        loop {
            match frame::read(client).await.unwrap().unwrap() {
                Response::Progress(done, total) => assert!(done <= total),
                Response::Bench(report) => break assert_eq!(report.count, 3),
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn strangers_are_told_why() {
    with_service(|service| async move {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        tokio::spawn(serve_stream(service.clone(), server));
        let wrong = Request::Hello { protocol: PROTOCOL + 1, client: "later".into() };
        assert_eq!(code(ask(&mut client, &wrong).await), "protocol_version");
        let (mut client, server) = tokio::io::duplex(1 << 16);
        tokio::spawn(serve_stream(service.clone(), server));
        assert_eq!(code(ask(&mut client, &Request::Status).await), "protocol_hello");
        let mut client = hello(&service).await;
        client.write_all(&[3, 0, 0, 0, 0xff, 0xff, 0xff]).await.unwrap();
        let answer = frame::read(&mut client).await.unwrap().unwrap();
        assert_eq!(code(answer), "bad_message");
        let mut client = hello(&service).await;
        client.write_all(&u32::MAX.to_le_bytes()).await.unwrap();
        let answer = frame::read(&mut client).await.unwrap().unwrap();
        assert_eq!(code(answer), "bad_message");
        assert!(frame::read::<Response>(&mut client).await.unwrap().is_none(), "hung up");
        // All that left the agent as it was.
        let client = &mut hello(&service).await;
        assert!(matches!(ask(client, &Request::Status).await, Response::Status(_)));
    });
}

#[test]
fn the_socket_is_private_replaces_the_stale_and_spares_the_living() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    // A socket whose owner died without removing it.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let socket = Socket::bind(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(Socket::bind(&path), Err(SocketError::InUse(_))));
    drop(socket);
    assert!(!path.exists(), "removed with its owner");
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(Socket::bind(&path), Err(SocketError::NotASocket(_))));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

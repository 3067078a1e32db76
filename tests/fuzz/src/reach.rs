//! How agentctl reaches an agent: what a serial line carries, what `--target` says.

use std::time::Duration;

use tandem_agent::serial::{Happened, MOST_HELD, Peer, ROOM, wire};
use tandem_agentctl::transport::Target;
use tandem_link::console::Collector;

/// Bytes of a serial line into both ends, cut where the first byte says. Neither may hold more than it has room
/// for, or talk without end. What decodes must survive a second trip. True if every frame was a part, and
/// there was one.
pub fn agent_line(bytes: &[u8]) -> bool {
    let [cut, bytes @ ..] = bytes else { return false };
    let step = usize::from(*cut).max(1);
    for mut peer in [Peer::server(), Peer::client(7)] {
        let mut out = Vec::new();
        let mut now = Duration::ZERO;
        for (at, piece) in bytes.chunks(step).enumerate() {
            now += Duration::from_millis(300);
            peer.hear(piece, now);
            peer.send(&vec![at as u8; peer.space().min(100)]);
            assert!(peer.received().len() <= ROOM as usize && peer.space() <= MOST_HELD);
            // Of a turn: as many parts as there is room for, and a few that keep things going.
            let said = (0..1000).take_while(|_| peer.emit(now, &mut out)).count();
            assert!(said < 1000, "a peer that never falls silent");
            if peer.happened().any(|happened| happened == Happened::Began) {
                assert!(peer.received().len() <= piece.len(), "a conversation begins empty");
            }
            peer.taken(at % 300);
        }
    }
    let mut heard = Collector::<{ tandem_link::console::FRAME_BYTES }>::new();
    let mut parts = 0;
    for byte in bytes {
        let Some(frame) = heard.push(*byte) else { continue };
        let Ok((number, part)) = frame.and_then(wire::decode) else { return false };
        let mut again = Vec::new();
        if wire::encode(number, &part, &mut again).is_ok() {
            let end = again.len() - 1;
            let second = wire::decode(&mut again[1..end]);
            assert_eq!(second, Ok((number, part)));
        }
        parts += 1;
    }
    parts > 0
}

/// A target's text. What is read must be written so that it is read again; nothing of it may be an option
/// of ssh's. True if it is one.
pub fn target(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(target) = text.parse::<Target>() else { return false };
    let written = target.to_string();
    assert_eq!(written.parse().as_ref(), Ok(&target), "{written}");
    if let Target::Ssh(host) = &target {
        let options =
            host.arguments(String::new()).into_iter().filter(|word| word.starts_with('-'));
        assert!(options.eq(["-T", "-p"].into_iter().take(1 + usize::from(written_port(&written)))));
    }
    true
}

/// Whether a written host has a port.
fn written_port(written: &str) -> bool {
    let place = written.trim_start_matches("ssh://").split('/').next().unwrap_or("");
    place.rsplit(']').next().is_some_and(|rest| rest.contains(':'))
}

//! A key in Redis. A message on the channel says that a policy changed; the key says what it is.
//!
//! The channel is subscribed to before the key is read, and both again after every loss, so that
//! no change can fall between them: a message only ever makes the key be read once more.

use std::time::Duration;

use redis::{Client, Connection, RedisError, RedisResult};

use super::{Stop, Timing};
use crate::finding::Code;
use crate::store::Store;
use crate::yaml::MAX_BYTES;

/// Says that a policy changed; the message is its name.
const CHANNEL: &str = "tandem:policy";
/// How long a connection may take, and a reply on it.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a wait for a message lasts before the watcher looks whether it is to stop.
const SLICE: Duration = Duration::from_millis(100);

/// Puts the key's document in force whenever it changes, until told to stop.
pub(super) fn watch(
    source: &str,
    url: &str,
    name: &str,
    store: &Store,
    timing: Timing,
    stop: &Stop,
) {
    let key = Key { source, key: format!("tandem:policy:{name}"), name, store };
    let mut wait = timing.retry;
    loop {
        let mut reached = false;
        let ended = key.converse(url, timing, stop, &mut reached);
        if let Err(error) = ended {
            store.reached(source, Err(error.to_string()));
        }
        if reached {
            wait = timing.retry;
        }
        if stop.is_asked() || !stop.pause(wait) {
            return;
        }
        wait = (wait * 2).min(timing.longest);
    }
}

struct Key<'a> {
    source: &'a str,
    key: String,
    name: &'a str,
    store: &'a Store,
}

impl Key<'_> {
    /// From connecting to losing it; `reached` once the key was read.
    fn converse(
        &self,
        url: &str,
        timing: Timing,
        stop: &Stop,
        reached: &mut bool,
    ) -> Result<(), RedisError> {
        let client = Client::open(url)?;
        let mut messages = client.get_connection_with_timeout(PATIENCE)?;
        messages.set_read_timeout(Some(PATIENCE))?;
        let mut messages = messages.as_pubsub();
        messages.subscribe(CHANNEL)?;
        messages.set_read_timeout(Some(SLICE))?;
        let mut values = client.get_connection_with_timeout(PATIENCE)?;
        values.set_read_timeout(Some(PATIENCE))?;
        let mut last = None;
        self.read(&mut values, &mut last)?;
        *reached = true;
        self.store.reached(self.source, Ok(()));
        let mut quiet = Duration::ZERO;
        while !stop.is_asked() {
            let changed = match messages.get_message() {
                Ok(message) => message.get_payload_bytes() == self.name.as_bytes(),
                Err(error) if error.is_timeout() => {
                    quiet += SLICE;
                    quiet >= timing.quiet
                }
                Err(error) => return Err(error),
            };
            if changed {
                quiet = Duration::ZERO;
                self.read(&mut values, &mut last)?;
            }
        }
        Ok(())
    }

    /// Reads the key and offers what is there, unless it is what was `last` there.
    fn read(&self, values: &mut Connection, last: &mut Option<Option<Vec<u8>>>) -> RedisResult<()> {
        // One byte more than a policy may have is enough to refuse it.
        let text: Vec<u8> =
            redis::cmd("GETRANGE").arg(&self.key).arg(0).arg(MAX_BYTES).query(values)?;
        let text = Some(text).filter(|text| !text.is_empty());
        if last.as_ref() == Some(&text) {
            return Ok(());
        }
        let origin = format!("{} {}", self.source, self.key);
        match text.as_deref().map(std::str::from_utf8) {
            None => drop(self.store.refuse(&origin, Code::Absent, "the key is empty or not there")),
            Some(Err(_)) => {
                drop(self.store.refuse(&origin, Code::Unreadable, "is no text (UTF-8)"));
            }
            // Counted there; the policy in force stays.
            Some(Ok(text)) => drop(self.store.offer(&origin, text, Some(self.name))),
        }
        *last = Some(text);
        Ok(())
    }
}

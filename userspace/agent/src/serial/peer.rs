//! One end of a line: frames in and out, who talks with whom.

use std::time::Duration;

use tandem_link::console::{Collector, FRAME_BYTES};

use super::conversation::Conversation;
use super::wire::{self, PART_BYTES, PROTOCOL, Part};

/// How often a client asks to be let in.
const KNOCK: Duration = Duration::from_millis(500);

/// What the other end did that the application must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A conversation began; the one before is over, whatever it was at.
    Began,
    /// The conversation ended, both sides said so.
    Over,
    /// The other went silent, or does not know this conversation.
    Lost,
    /// The agent speaks another version of the line's protocol, this one.
    OtherProtocol(u32),
}

/// Who speaks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Client { knock_at: Option<Duration> },
    Server,
}

/// One end of a line, without the line: bytes are handed in and out, and time.
pub struct Peer {
    role: Role,
    number: u16,
    conversation: Option<Conversation>,
    heard: Collector<FRAME_BYTES>,
    /// To be sent before anything else: under this number, no more than a few bytes each.
    urgent: Option<(u16, Part<'static>)>,
    happened: Vec<Happened>,
    frames: u64,
    garbage: u64,
    resent: u64,
}

impl Peer {
    /// The agent's end.
    pub fn server() -> Self {
        Self::new(Role::Server, 0)
    }

    /// A client's end; `number` should differ from those of earlier clients.
    pub fn client(number: u16) -> Self {
        Self::new(Role::Client { knock_at: Some(Duration::ZERO) }, number)
    }

    fn new(role: Role, number: u16) -> Self {
        Self {
            role,
            number,
            conversation: None,
            heard: Collector::new(),
            urgent: None,
            happened: Vec::new(),
            frames: 0,
            garbage: 0,
            resent: 0,
        }
    }

    /// Takes bytes from the line.
    pub fn hear(&mut self, bytes: &[u8], now: Duration) {
        // Out of `self` for as long as a frame is borrowed from it.
        let mut heard = std::mem::take(&mut self.heard);
        for byte in bytes {
            match heard.push(*byte).map(|frame| frame.and_then(wire::decode)) {
                None => {}
                Some(Ok((number, part))) => {
                    self.frames += 1;
                    self.receive(number, &part, now);
                }
                Some(Err(_)) => self.garbage += 1,
            }
        }
        self.heard = heard;
    }

    fn receive(&mut self, number: u16, part: &Part<'_>, now: Duration) {
        match (self.role, *part) {
            (Role::Server, Part::Open { protocol }) => {
                self.urgent = Some((number, Part::Opened { protocol: PROTOCOL }));
                // Asked twice, since the first answer was late; the line keeps the order.
                let fresh = self.conversation.as_ref().is_some_and(Conversation::is_fresh);
                let known = fresh && self.number == number;
                if protocol == PROTOCOL && !known {
                    self.leave();
                    (self.number, self.conversation) = (number, Some(Conversation::new(now)));
                    self.happened.push(Happened::Began);
                }
            }
            (Role::Client { knock_at: Some(_) }, Part::Opened { protocol })
                if number == self.number =>
            {
                self.role = Role::Client { knock_at: None };
                self.happened.push(if protocol == PROTOCOL {
                    self.conversation = Some(Conversation::new(now));
                    Happened::Began
                } else {
                    Happened::OtherProtocol(protocol)
                });
            }
            (Role::Client { .. }, Part::Gone) if number == self.number => self.drop_lost(),
            (_, part) => match &mut self.conversation {
                Some(conversation) if number == self.number => conversation.receive(&part, now),
                // Of a client whose conversation is not, or is no longer, ours.
                _ if self.role == Role::Server && !matches!(part, Part::Ack { .. }) => {
                    self.urgent = Some((number, Part::Gone));
                }
                _ => {}
            },
        }
    }

    fn leave(&mut self) {
        self.resent += self.conversation.take().map_or(0, |conversation| conversation.resent);
    }

    fn drop_lost(&mut self) {
        if self.conversation.is_some() {
            self.leave();
            self.happened.push(Happened::Lost);
        }
    }

    /// Appends the next frame for the line; false if there is none now.
    pub fn emit(&mut self, now: Duration, out: &mut Vec<u8>) -> bool {
        self.tick(now);
        if let Some((number, part)) = self.urgent.take() {
            return wire::encode(number, &part, out).is_ok();
        }
        if let Role::Client { knock_at: Some(at) } = self.role
            && now >= at
        {
            self.role = Role::Client { knock_at: Some(now + KNOCK) };
            return wire::encode(self.number, &Part::Open { protocol: PROTOCOL }, out).is_ok();
        }
        let Some(conversation) = &mut self.conversation else { return false };
        let mut buffer = [0; PART_BYTES];
        let said = match conversation.emit(now, &mut buffer) {
            Some(part) => wire::encode(self.number, &part, out).is_ok(),
            None => false,
        };
        if conversation.is_over() {
            self.leave();
            self.happened.push(Happened::Over);
        }
        said
    }

    fn tick(&mut self, now: Duration) {
        if let Some(conversation) = &mut self.conversation {
            conversation.tick(now);
            if conversation.is_lost(now) {
                self.drop_lost();
            }
        }
    }

    /// When [`Peer::emit`] must be called again at the latest, if nothing else happens.
    pub fn wake_at(&self) -> Option<Duration> {
        match self.role {
            Role::Client { knock_at: Some(at) } => Some(at),
            _ => self.conversation.as_ref().map(Conversation::wake_at),
        }
    }

    /// What happened since it was asked last, oldest first.
    pub fn happened(&mut self) -> impl Iterator<Item = Happened> {
        std::mem::take(&mut self.happened).into_iter()
    }

    /// Bytes that [`Peer::send`] takes now.
    pub fn space(&self) -> usize {
        self.conversation.as_ref().map_or(0, Conversation::space)
    }

    /// Takes bytes of the application, at most [`Peer::space`].
    pub fn send(&mut self, bytes: &[u8]) {
        if let Some(conversation) = &mut self.conversation {
            conversation.send(bytes);
        }
    }

    /// The application has no more to say.
    pub fn end(&mut self) {
        if let Some(conversation) = &mut self.conversation {
            conversation.end();
        }
    }

    /// Bytes for the application; empty only if there are none.
    pub fn received(&self) -> &[u8] {
        self.conversation.as_ref().map_or(&[], Conversation::received)
    }

    /// The application took so many of them.
    pub fn taken(&mut self, count: usize) {
        if let Some(conversation) = &mut self.conversation {
            conversation.taken(count);
        }
    }

    /// The other side has no more to say, and everything of it was taken.
    pub fn is_drained(&self) -> bool {
        self.conversation.as_ref().is_some_and(Conversation::is_drained)
    }

    /// Frames that were understood, what was none, frames that were sent again.
    pub fn counts(&self) -> [u64; 3] {
        let resent = self.conversation.as_ref().map_or(0, |conversation| conversation.resent);
        [self.frames, self.garbage, self.resent + resent]
    }
}

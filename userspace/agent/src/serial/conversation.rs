//! A stream of bytes each way over frames that may be lost: go-back-N with offsets, as a small TCP on a
//! line that never reorders. No line and no clock: time is handed in.

use std::collections::VecDeque;
use std::time::Duration;

use super::wire::{PART_BYTES, Part};

/// Bytes that each side takes ahead of its application: what a line of 115200 baud carries in a sixth of a
/// second, so that an acknowledgement comes back while the rest is still on its way.
pub const ROOM: u32 = 2048;
/// Bytes that are held to be sent; the application waits beyond them.
pub const MOST_HELD: usize = 8192;
/// An acknowledgement that takes longer is lost: more than [`ROOM`] takes both ways.
const FIRST_PATIENCE: Duration = Duration::from_millis(500);
/// The wait doubles with each loss, up to this.
const MOST_PATIENCE: Duration = Duration::from_secs(4);
/// Silence after which one asks whether the other is there.
const ASK_AFTER: Duration = Duration::from_secs(2);
/// Silence after which the other is not.
const LOST_AFTER: Duration = Duration::from_secs(20);

/// How far the end of the own direction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The application may go on.
    Open,
    /// It has ended; the other does not know for sure.
    Pending,
    /// The other knows.
    Acked,
}

/// One side of a conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    /// Bytes from offset `acked` on: on their way, or not sent.
    held: VecDeque<u8>,
    acked: u32,
    /// Where sending goes on; falls back to `acked` after a loss.
    sent: u32,
    /// The farthest that was ever sent.
    farthest: u32,
    /// The other has no room from this offset on.
    limit: u32,
    /// Until this offset is acknowledged, further signs of the same loss are passed over.
    mending: Option<u32>,
    end: End,
    received: VecDeque<u8>,
    /// Offset that is awaited.
    next: u32,
    /// Everything of the other has arrived.
    heard_end: bool,
    owes_ack: bool,
    /// Something that comes later than what is awaited has arrived.
    saw_gap: bool,
    /// The room that the last acknowledgement told.
    told_room: u32,
    patience: Duration,
    /// When what is under way counts as lost.
    loss_at: Option<Duration>,
    heard_at: Duration,
    asked_at: Duration,
    /// Frames that were sent again.
    pub(super) resent: u64,
}

impl Conversation {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            held: VecDeque::new(),
            acked: 0,
            sent: 0,
            farthest: 0,
            limit: ROOM,
            mending: None,
            end: End::Open,
            received: VecDeque::new(),
            next: 0,
            heard_end: false,
            owes_ack: false,
            saw_gap: false,
            told_room: ROOM,
            patience: FIRST_PATIENCE,
            loss_at: None,
            heard_at: now,
            asked_at: now,
            resent: 0,
        }
    }

    /// Bytes that [`Conversation::send`] takes now.
    pub(super) fn space(&self) -> usize {
        match self.end {
            End::Open => MOST_HELD.saturating_sub(self.held.len()),
            End::Pending | End::Acked => 0,
        }
    }

    /// Takes bytes to be sent, at most [`Conversation::space`].
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let count = bytes.len().min(self.space());
        self.held.extend(&bytes[..count]);
    }

    /// Nothing more will be sent.
    pub(super) fn end(&mut self) {
        if self.end == End::Open {
            self.end = End::Pending;
        }
    }

    /// Bytes that have arrived, as far as they lie in one piece; never empty while there are any.
    pub(super) fn received(&self) -> &[u8] {
        self.received.as_slices().0
    }

    /// The application took so many of them.
    pub(super) fn taken(&mut self, count: usize) {
        self.received.drain(..count.min(self.received.len()));
        // Room that has come back is told once it is worth a frame.
        self.owes_ack |= self.room() >= self.told_room + ROOM / 2;
    }

    /// The other has ended, and everything of it was taken.
    pub(super) fn is_drained(&self) -> bool {
        self.heard_end && self.received.is_empty()
    }

    /// Both have ended, and both know.
    pub(super) fn is_over(&self) -> bool {
        self.is_drained() && self.end == End::Acked && !self.owes_ack
    }

    /// Nothing was heard for so long that nothing will be.
    pub(super) fn is_lost(&self, now: Duration) -> bool {
        now.saturating_sub(self.heard_at) >= LOST_AFTER
    }

    fn room(&self) -> u32 {
        ROOM - (self.received.len() as u32).min(ROOM)
    }

    /// Takes a part that the other sent.
    pub(super) fn receive(&mut self, part: &Part<'_>, now: Duration) {
        self.heard_at = now;
        match *part {
            Part::Data { at, bytes } => {
                let fits = bytes.len() as u32 <= self.room();
                if at == self.next && fits && !self.heard_end {
                    self.received.extend(bytes);
                    self.next = self.next.wrapping_add(bytes.len() as u32);
                }
                self.answer(at);
            }
            Part::End { at } => {
                if at == self.next && !self.heard_end {
                    self.heard_end = true;
                    self.next = self.next.wrapping_add(1);
                }
                self.answer(at);
            }
            Part::Ack { next, room, gap } => {
                self.acknowledged(next, room.min(ROOM), now);
                if gap && next == self.acked && self.sent != self.acked && self.mending.is_none() {
                    self.mending = Some(self.farthest);
                    self.sent = self.acked;
                }
            }
            Part::Open { .. } | Part::Opened { .. } | Part::Gone => {}
        }
    }

    /// What is known already is answered, too: its acknowledgement was lost.
    fn answer(&mut self, at: u32) {
        self.owes_ack = true;
        let ahead = at.wrapping_sub(self.next);
        self.saw_gap |= ahead > 0 && ahead <= ROOM;
    }

    /// Nothing but the beginning of the conversation has happened.
    pub(super) fn is_fresh(&self) -> bool {
        self.next == 0 && self.acked == 0 && !self.heard_end
    }

    fn acknowledged(&mut self, next: u32, room: u32, now: Duration) {
        let advance = next.wrapping_sub(self.acked);
        if advance > self.farthest.wrapping_sub(self.acked) {
            return; // of no byte that was ever sent
        }
        self.limit = next.wrapping_add(room);
        if advance == 0 {
            return;
        }
        let bytes = (advance as usize).min(self.held.len());
        self.held.drain(..bytes);
        if advance as usize > bytes {
            self.end = End::Acked;
        }
        // After a fall back the other may have got more than was sent since.
        if self.sent.wrapping_sub(self.acked) < advance {
            self.sent = next;
        }
        self.acked = next;
        let mended =
            |until: u32| self.farthest.wrapping_sub(until) >= self.farthest.wrapping_sub(next);
        self.mending = self.mending.filter(|until| !mended(*until));
        self.patience = FIRST_PATIENCE;
        self.loss_at = (self.sent != self.acked).then(|| now + self.patience);
    }

    /// Looks at the clock: what is not acknowledged in time is sent again.
    pub(super) fn tick(&mut self, now: Duration) {
        if self.loss_at.is_some_and(|at| now >= at) {
            self.sent = self.acked;
            self.mending = None;
            self.patience = (self.patience * 2).min(MOST_PATIENCE);
            self.loss_at = None;
        }
    }

    /// When the clock must be looked at again.
    pub(super) fn wake_at(&self) -> Duration {
        let ask = self.heard_at.max(self.asked_at) + ASK_AFTER;
        let lost = self.heard_at + LOST_AFTER;
        self.loss_at.into_iter().fold(ask.min(lost), Duration::min)
    }

    /// The next part to be sent; `buffer` holds its bytes.
    pub(super) fn emit<'a>(
        &mut self,
        now: Duration,
        buffer: &'a mut [u8; PART_BYTES],
    ) -> Option<Part<'a>> {
        if self.owes_ack {
            self.owes_ack = false;
            self.told_room = self.room();
            let gap = std::mem::take(&mut self.saw_gap);
            return Some(Part::Ack { next: self.next, room: self.told_room, gap });
        }
        let part = self.emit_data(buffer);
        if part.is_some() {
            self.asked_at = now;
            self.loss_at = self.loss_at.or(Some(now + self.patience));
            return part;
        }
        let silent = now.saturating_sub(self.heard_at.max(self.asked_at)) >= ASK_AFTER;
        silent.then(|| {
            self.asked_at = now;
            Part::Data { at: self.sent, bytes: &[] }
        })
    }

    fn emit_data<'a>(&mut self, buffer: &'a mut [u8; PART_BYTES]) -> Option<Part<'a>> {
        let at = self.sent;
        let under_way = at.wrapping_sub(self.acked);
        let left = (self.held.len() as u32).saturating_sub(under_way);
        let again = at != self.farthest;
        let part = if left > 0 {
            let room = self.limit.wrapping_sub(at);
            let room = if room > ROOM { 0 } else { room }; // the limit lies behind
            let count = left.min(room).min(PART_BYTES as u32) as usize;
            if count == 0 {
                return None;
            }
            let from = self.held.iter().skip(under_way as usize);
            buffer.iter_mut().zip(from).take(count).for_each(|(to, from)| *to = *from);
            self.sent = at.wrapping_add(count as u32);
            Part::Data { at, bytes: &buffer[..count] }
        } else if self.end == End::Pending && under_way == self.held.len() as u32 {
            self.sent = at.wrapping_add(1);
            Part::End { at }
        } else {
            return None;
        };
        if again {
            self.resent += 1;
        }
        if self.sent.wrapping_sub(self.acked) > self.farthest.wrapping_sub(self.acked) {
            self.farthest = self.sent;
        }
        Some(part)
    }
}

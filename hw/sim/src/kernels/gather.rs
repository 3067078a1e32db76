//! The input stream of a kernel, gathered into the order that the model takes.

use tandem_model::post::MAX_HEADS;

use crate::axi_dma::{ReadData, Sink};
use crate::fabric::BusError;

/// Where the bytes of a packet belong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As they come.
    #[default]
    Linear,
    /// NV12: two luma rows, then their chroma row, and so on; the model wants the planes apart.
    Nv12 {
        /// Bytes of a row (a luma row and a chroma row have as many).
        row: usize,
        /// Luma rows, an even number.
        rows: usize,
    },
    /// Pieces with gaps between them.
    Pieces {
        /// First byte in the stream and in the buffer, in order of both.
        pieces: [(usize, usize); MAX_HEADS],
        /// Pieces in use.
        count: usize,
    },
}

/// One packet in a buffer that is used again for every job; at first nothing is expected.
#[derive(Debug, Default)]
pub struct Gather {
    bytes: Vec<u8>,
    order: Order,
    size: usize,
    expected: usize,
    received: usize,
}

impl Gather {
    /// A packet of `expected` bytes is to come, which fills `size` bytes, gaps included.
    pub fn expect(&mut self, expected: usize, size: usize, order: Order) {
        if self.bytes.len() < size {
            self.bytes.resize(size, 0);
        }
        (self.expected, self.size, self.order, self.received) = (expected, size, order, 0);
    }

    /// Bytes of the packet that is to come.
    pub fn expected(&self) -> usize {
        self.expected
    }

    /// The packet had exactly the expected length.
    pub fn complete(&self) -> bool {
        self.received == self.expected
    }

    /// The packet's bytes in the model's order.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.size]
    }

    /// Place of the stream's byte `at`, and how many follow it there.
    fn place(&self, at: usize) -> (usize, usize) {
        match self.order {
            Order::Linear => (at, self.expected - at),
            Order::Nv12 { row, rows } => {
                let (line, column) = (at / row, at % row);
                let (pair, kind) = (line / 3, line % 3);
                let target = if kind < 2 { 2 * pair + kind } else { rows + pair };
                (target * row + column, row - column)
            }
            Order::Pieces { pieces, count } => {
                let mut end = self.expected;
                for (from, to) in pieces[..count].iter().rev() {
                    if at >= *from {
                        return (to + at - from, end - at);
                    }
                    end = *from;
                }
                (at, end - at)
            }
        }
    }
}

impl Sink for Gather {
    /// Bytes beyond the expected ones are counted and dropped.
    fn accept(&mut self, len: usize, read: ReadData<'_>) -> Result<(), BusError> {
        let mut done = 0;
        while done < len && self.received + done < self.expected {
            let (place, run) = self.place(self.received + done);
            let piece = run.min(len - done);
            read(done, &mut self.bytes[place..place + piece])?;
            done += piece;
        }
        self.received = self.received.saturating_add(len);
        Ok(())
    }
}

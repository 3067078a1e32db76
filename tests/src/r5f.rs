//! A stand-in for the R5F on its serial line: what the console answers, with faults planted.
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tandem_drivers::kernel::EXPECTED;
use tandem_link::console::{
    Answer, Block, Collector, Counters, FRAME_BYTES, Info, PROTOCOL, Request, Test, Verdict,
    decode, encode,
};

/// What it answers; a test spoils it.
#[derive(Clone, Debug)]
pub struct Board {
    /// Name of the board.
    pub board: &'static str,
    /// Answers that come wrong before one comes right.
    pub damaged: u32,
    /// What the line has counted.
    pub counters: Counters,
    /// Verdict and values of each test, in the order of [`Test::ALL`].
    pub tests: [(Verdict, [u32; 4]); 8],
    /// Registers of each block, in the order of [`Block::ALL`].
    pub kernels: [Option<[u32; 4]>; 3],
}

impl Board {
    /// A good one.
    pub fn good() -> Self {
        let passed = |values| (Verdict::Passed, values);
        Self {
            board: "zcu102",
            damaged: 0,
            counters: Counters::default(),
            tests: [
                passed([22_432, 43_584, 65_056, 0]),
                passed([131_072, 0, 0, 0]),
                passed([16_384, 20_000, 0, 0]),
                passed([0b111, 0, 0, 0]),
                passed([0; 4]),
                passed([0, 0, 1 << 4 | 1 << 11, 1 << 20 | 1 << 21]),
                passed([50_010_000, 50_000_000, 0, 0]),
                passed([1_020, 0, 0, 0]),
            ],
            kernels: EXPECTED.map(|(id, hash)| Some([id, 1 << 16, 0x7F, hash])),
        }
    }

    /// Verdict and values of a test.
    pub fn test(&mut self, test: Test) -> &mut (Verdict, [u32; 4]) {
        &mut self.tests[test as usize]
    }

    /// Registers of a block: ID, VERSION, CAPS, HASH.
    pub fn kernel(&mut self, block: Block) -> &mut [u32; 4] {
        self.kernels[block as usize].as_mut().expect("the logic is loaded")
    }

    fn answer(&self, request: Request) -> Answer<'static> {
        match request {
            Request::Info => Answer::Info(Info {
                protocol: PROTOCOL,
                board: self.board,
                version: "0.0.0",
                idcode: 0x1473_8093,
                silicon: 3,
                reset_reason: 1,
                now: 5_000_000_000,
                log_bytes: 0,
                crash_bytes: 0,
            }),
            Request::Counters => Answer::Counters(self.counters),
            Request::Run(test) => {
                let (verdict, values) = self.tests[test as usize];
                Answer::Tested { test, verdict, values }
            }
            Request::Identify(block) => Answer::Kernel(self.kernels[block as usize]),
            Request::Read { .. } => Answer::Refused,
        }
    }
}

/// Serves at a socket from now on; what the board is may be changed meanwhile.
pub fn serve(socket: &Path, board: Board) -> Arc<Mutex<Board>> {
    let listener = UnixListener::bind(socket).expect("a socket");
    let board = Arc::new(Mutex::new(board));
    let shared = Arc::clone(&board);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let board = shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let _ = talk(stream.expect("a connection"), &board); // it ends when the other has gone
        }
    });
    board
}

fn talk(mut stream: UnixStream, board: &Board) -> std::io::Result<()> {
    let mut heard = Collector::<FRAME_BYTES>::new();
    let mut damaged = board.damaged;
    let mut byte = [0];
    loop {
        stream.read_exact(&mut byte)?;
        let Some(Ok((number, request))) = heard.push(byte[0]).map(|f| f.and_then(decode)) else {
            continue;
        };
        let mut frame = [0; FRAME_BYTES];
        let used = encode(number, &board.answer(request), &mut frame).expect("it fits");
        if damaged > 0 {
            damaged -= 1;
            frame[used / 2] ^= 0x40;
        }
        stream.write_all(&frame[..used])?;
    }
}

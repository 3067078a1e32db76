//! `console kernels`: identities of the logic's blocks, as their registers hold them.

use serde::Serialize;
use tandem_drivers::kernel::{EXPECTED, MAJOR_VERSION};
use tandem_link::console::{Answer, Block, Request};

use crate::console::Console;
use crate::output::{Output, table};
use crate::{EXIT_FAILED, EXIT_OK};

#[derive(Debug, Serialize)]
struct Line {
    name: &'static str,
    /// False: the logic is not loaded, and the rest is empty.
    fitted: bool,
    /// The ID register's four letters, or its number where they are none.
    id: String,
    /// Major and minor version.
    version: String,
    /// The CAPS register.
    caps: String,
    /// The HASH register: of which register map the block was made.
    map_hash: String,
    /// ID, major version and map hash are those that these programs were written for.
    matches: bool,
}

/// A line a block.
pub(super) fn run(console: &mut Console, output: &mut Output) -> anyhow::Result<u8> {
    let mut rows = Vec::new();
    let mut code = EXIT_OK;
    for block in Block::ALL {
        let words = console.ask(Request::Identify(block), |answer| match *answer {
            Answer::Kernel(words) => Some(words),
            _ => None,
        })?;
        let line = line(block, words);
        if !line.matches {
            code = EXIT_FAILED;
        }
        let verdict = match (line.fitted, line.matches) {
            (false, _) => "not loaded",
            (true, true) => "as known",
            (true, false) => "another one",
        };
        if output.is_json() {
            output.answer(&line, "")?;
        }
        rows.push(
            [line.name, &line.id, &line.version, &line.caps, &line.map_hash, verdict]
                .map(str::to_owned)
                .to_vec(),
        );
    }
    if !output.is_json() {
        output.bytes(format!("{}\n", table(&rows)).as_bytes())?;
    }
    Ok(code)
}

fn line(block: Block, words: Option<[u32; 4]>) -> Line {
    let name = block.name();
    let Some([id, version, caps, map_hash]) = words else {
        let [id, version, caps, map_hash] = [(); 4].map(|()| String::new());
        return Line { name, fitted: false, id, version, caps, map_hash, matches: false };
    };
    let matches = (id, map_hash) == EXPECTED[block as usize] && version >> 16 == MAJOR_VERSION;
    Line {
        name,
        fitted: true,
        id: letters(id),
        version: format!("{}.{}", version >> 16, version & 0xFFFF),
        caps: format!("{caps:#010x}"),
        map_hash: format!("{map_hash:#010x}"),
        matches,
    }
}

fn letters(id: u32) -> String {
    let bytes = id.to_le_bytes();
    match std::str::from_utf8(&bytes) {
        Ok(text) if bytes.iter().all(u8::is_ascii_alphanumeric) => text.to_owned(),
        _ => format!("{id:#010x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_that_is_another_makes_it_another_block() {
        let (id, hash) = EXPECTED[0];
        let good = [id, 1 << 16 | 3, 5, hash];
        let told = line(Block::Pre, Some(good));
        assert!(told.matches);
        assert_eq!((told.id.as_str(), told.version.as_str()), ("PRE0", "1.3"));
        for (place, wrong) in [(0, EXPECTED[1].0), (1, 2 << 16), (3, hash ^ 1)] {
            let mut words = good;
            words[place] = wrong;
            assert!(!line(Block::Pre, Some(words)).matches, "{words:x?}");
        }
        assert!(!line(Block::Pre, None).fitted);
        assert_eq!(line(Block::Gate, Some([7, 0, 0, 0])).id, "0x00000007");
    }
}

//! Text in a bitmap font of 8 by 8 pixels, enlarged by whole numbers.

use font8x8::legacy::BASIC_LEGACY;

use super::{Canvas, Rgb};

/// Pixels of a character's cell.
const CELL: usize = 8;

/// Width of a text in pixels.
pub(super) fn width(text: &str, zoom: usize) -> usize {
    text.chars().count() * CELL * zoom
}

/// Height of a line in pixels.
pub(super) fn height(zoom: usize) -> usize {
    CELL * zoom
}

/// Draws one line with its top left corner at `x, y`, cut to the canvas.
pub(super) fn draw(canvas: &mut Canvas, x: usize, y: usize, zoom: usize, colour: Rgb, text: &str) {
    for (number, character) in text.chars().enumerate() {
        let left = x + number * CELL * zoom;
        for (row, bits) in glyph(character).into_iter().enumerate() {
            for column in (0..CELL).filter(|column| bits >> column & 1 == 1) {
                let (px, py) = (left + column * zoom, y + row * zoom);
                canvas.fill([px, py, px + zoom, py + zoom], colour);
            }
        }
    }
}

/// Rows of a character, least significant bit to the left; `?` for what the font lacks.
fn glyph(character: char) -> [u8; CELL] {
    let code = if character.is_ascii_graphic() || character == ' ' { character } else { '?' };
    BASIC_LEGACY[code as usize]
}

/// Lines of at most `room` pixels, broken at spaces where there are some; at most `most` lines,
/// the last with `..` if text is left over. At least one character fits a line.
pub(super) fn wrap(text: &str, room: usize, zoom: usize, most: usize) -> Vec<String> {
    let columns = (room / (CELL * zoom)).max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        while !word.is_empty() {
            let gap = usize::from(length > 0);
            if length + gap + word.len() <= columns {
                line.extend(std::iter::repeat_n(' ', gap).chain(word.drain(..)));
                length = line.chars().count();
            } else if length > 0 {
                lines.push(std::mem::take(&mut line));
                length = 0;
            } else {
                lines.push(word.drain(..columns).collect());
            }
        }
    }
    if length > 0 {
        lines.push(line);
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = last.chars().take(columns.saturating_sub(2)).chain("..".chars()).collect();
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_end_in_dots() {
        assert_eq!(wrap("one two three", 8 * 7, 1, 9), ["one two", "three"]);
        assert_eq!(wrap("one two three", 8 * 7, 1, 1), ["one t.."]);
        assert_eq!(wrap("abcdefgh", 8 * 3, 1, 9), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 100, 1, 9), [""; 0]);
        assert_eq!(wrap("ab", 0, 1, 9), ["a", "b"], "no room still ends");
    }

    #[test]
    fn characters_are_drawn_where_they_belong() {
        let mut canvas = Canvas::from_rgb(16, 8, Vec::new());
        draw(&mut canvas, 0, 0, 1, [255; 3], " I");
        let lit =
            |from: usize| (from..from + 8).any(|x| (0..8).any(|y| canvas.pixel(x, y) == [255; 3]));
        assert!(!lit(0) && lit(8));
        assert_eq!(glyph('ß'), glyph('?'));
    }
}

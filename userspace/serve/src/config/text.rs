//! protobuf's text format, as a tree of fields with their places. What a field means is not known
//! here; `config` reads the tree.

use thiserror::Error;

/// Messages inside messages at most.
const MAX_DEPTH: usize = 16;

/// Where something begins in a text, both counted from 1; columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// Why a text was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {}, column {}: {reason}", place.line, place.column)]
pub struct TextError {
    /// Where.
    pub place: Place,
    /// Why, with the name of the field.
    pub reason: String,
}

/// A field with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name.
    pub name: String,
    /// Of the name.
    pub place: Place,
    /// Value.
    pub value: Value,
}

/// What a field may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number, a word such as `true` or `TYPE_FP32`.
    Word(String),
    /// In quotes, joined where several follow each other.
    Text(Vec<u8>),
    /// `{ ... }`.
    Message(Vec<Field>),
    /// `[ ... ]`.
    List(Vec<Value>),
}

/// Reads a whole text.
///
/// # Errors
/// [`TextError`] at the first thing that is not of the format.
pub fn parse(text: &str) -> Result<Vec<Field>, TextError> {
    let mut parser = Parser { text, at: 0 };
    let fields = parser.fields(0, None)?;
    Ok(fields)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn place(&self) -> Place {
        let before = &self.text[..self.at];
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        Place {
            line: before.matches('\n').count() + 1,
            column: before[start..].chars().count() + 1,
        }
    }

    fn error<T>(&self, reason: impl Into<String>) -> Result<T, TextError> {
        Err(TextError { place: self.place(), reason: reason.into() })
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    /// Skips blanks and comments.
    fn skip(&mut self) {
        while let Some(next) = self.peek() {
            if next == '#' {
                let rest = &self.text[self.at..];
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if next.is_ascii_whitespace() {
                self.at += 1;
            } else {
                break;
            }
        }
    }

    /// Letters, digits and what numbers are written with.
    fn word(&mut self) -> &str {
        let rest = &self.text[self.at..];
        let of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '.');
        let end = rest.find(|c| !of_word(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn fields(&mut self, depth: usize, end: Option<char>) -> Result<Vec<Field>, TextError> {
        let mut fields = Vec::new();
        loop {
            self.skip();
            match (self.peek(), end) {
                (None, None) => return Ok(fields),
                (None, Some(end)) => return self.error(format!("the text ends before '{end}'")),
                (Some(next), Some(end)) if next == end => {
                    self.take(end);
                    return Ok(fields);
                }
                _ => {}
            }
            let place = self.place();
            let name = self.word().to_owned();
            if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
                let reason = format!("a field's name should be here, not {:?}", self.peek());
                return Err(TextError { place, reason });
            }
            self.skip();
            let colon = self.take(':');
            self.skip();
            if !colon && !matches!(self.peek(), Some('{' | '<' | '[')) {
                return self.error(format!("{name} is followed by neither ':' nor '{{'"));
            }
            let value = self.value(depth)?;
            fields.push(Field { name, place, value });
            self.skip();
            let _ = self.take(',') || self.take(';');
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, TextError> {
        if depth > MAX_DEPTH {
            return self.error("messages are too deep inside each other");
        }
        match self.peek() {
            Some('{') => {
                self.take('{');
                Ok(Value::Message(self.fields(depth + 1, Some('}'))?))
            }
            Some('<') => {
                self.take('<');
                Ok(Value::Message(self.fields(depth + 1, Some('>'))?))
            }
            Some('[') => {
                self.take('[');
                self.list(depth + 1)
            }
            Some('"' | '\'') => self.texts(),
            _ => {
                let word = self.word().to_owned();
                match word.is_empty() {
                    true => self.error("a value should be here"),
                    false => Ok(Value::Word(word)),
                }
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, TextError> {
        let mut values = Vec::new();
        self.skip();
        if self.take(']') {
            return Ok(Value::List(values));
        }
        loop {
            self.skip();
            values.push(self.value(depth)?);
            self.skip();
            if self.take(']') {
                return Ok(Value::List(values));
            }
            if !self.take(',') {
                return self.error("',' or ']' should be here");
            }
        }
    }

    /// Quoted pieces that follow each other are one text.
    fn texts(&mut self) -> Result<Value, TextError> {
        let mut bytes = Vec::new();
        while let Some(quote @ ('"' | '\'')) = self.peek() {
            self.take(quote);
            self.quoted(quote, &mut bytes)?;
            self.skip();
        }
        Ok(Value::Text(bytes))
    }

    fn quoted(&mut self, quote: char, bytes: &mut Vec<u8>) -> Result<(), TextError> {
        loop {
            match self.peek() {
                None | Some('\n') => return self.error("the text is not closed on its line"),
                Some(next) if next == quote => {
                    self.take(quote);
                    return Ok(());
                }
                Some('\\') => {
                    self.take('\\');
                    let escaped = match self.peek() {
                        Some('n') => b'\n',
                        Some('t') => b'\t',
                        Some('r') => b'\r',
                        Some(c @ ('\\' | '"' | '\'')) => c as u8,
                        _ => return self.error("known escapes are \\n \\t \\r \\\\ \\\" \\'"),
                    };
                    self.at += 1;
                    bytes.push(escaped);
                }
                Some(next) => {
                    self.at += next.len_utf8();
                    bytes.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
    }
}

//! YAML as a tree whose every node knows its place.
//!
//! A policy needs maps, lists and scalars only. Anchors, aliases and tags are refused rather than
//! limited: no document can grow when it is read, and none means something else than it shows.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use crate::finding::{Code, Finding, Location};

/// Most bytes of a document.
pub const MAX_BYTES: usize = 256 << 10;
/// Most scalars, lists and maps of one.
pub const MAX_NODES: usize = 20_000;
/// Most lists and maps inside each other.
pub const MAX_DEPTH: usize = 8;

/// A value and its place.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: Location,
    pub(crate) value: Value,
}

/// A value.
#[derive(Debug)]
pub(crate) enum Value {
    /// Text; `plain` if it stands without quotes and may be a number.
    Scalar { text: String, plain: bool },
    /// A list.
    List(Vec<Node>),
    /// Keys and values in the order of the text.
    Map(Vec<(Key, Node)>),
}

impl Value {
    /// For messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Scalar { text, plain: true } if text.is_empty() => "nothing",
            Value::Scalar { .. } => "one value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// A map's key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) at: Location,
    pub(crate) text: String,
}

/// A list or map that is still open.
enum Open {
    List(Location, Vec<Node>),
    Map(Location, Vec<(Key, Node)>, Option<Key>),
}

fn place(mark: &Marker) -> Location {
    Location { line: mark.line().max(1) as u32, column: mark.col() as u32 + 1 }
}

/// Reads one document.
///
/// # Errors
/// The first place that is no YAML, or more than a policy may be.
pub(crate) fn parse(text: &str) -> Result<Node, Finding> {
    if text.len() > MAX_BYTES {
        let message = format!("{} bytes, a policy has at most {MAX_BYTES}", text.len());
        return Err(Finding::new(Code::Limit, None, "", message));
    }
    let mut tree = Tree::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            Finding::new(Code::Syntax, place(error.marker()), "", error.info().to_owned())
        })?;
        tree.take(event, span)?;
    }
    tree.root.ok_or_else(|| {
        let message = "the document is empty, begin with name: and version:";
        Finding::new(Code::Syntax, Location { line: 1, column: 1 }, "", message)
    })
}

#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

impl Tree {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Finding> {
        let at = place(&span.start);
        let refuse = |code, message: String| Err(Finding::new(code, at, "", message));
        let anchored = match &event {
            Event::Alias(_) => true,
            Event::Scalar(_, _, anchor, _) => *anchor != 0,
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => *anchor != 0,
            _ => false,
        };
        if anchored {
            return refuse(
                Code::Syntax,
                "a policy has no anchors and aliases, write it out".into(),
            );
        }
        if let Event::Scalar(_, _, _, Some(tag))
        | Event::SequenceStart(_, Some(tag))
        | Event::MappingStart(_, Some(tag)) = &event
        {
            let message = format!("a policy has no tags, leave {}{} out", tag.handle, tag.suffix);
            return refuse(Code::Syntax, message);
        }
        match event {
            Event::Scalar(text, style, ..) => {
                let plain = style == ScalarStyle::Plain;
                self.scalar(at, text.into_owned(), plain)
            }
            Event::SequenceStart(..) => self.begin(at, Open::List(at, Vec::new())),
            Event::MappingStart(..) => self.begin(at, Open::Map(at, Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(at, list)) => self.put(Node { at, value: Value::List(list) }),
                Some(Open::Map(at, map, _)) => self.put(Node { at, value: Value::Map(map) }),
                None => refuse(Code::Syntax, "an end without a beginning".into()),
            },
            Event::DocumentStart(_) if self.root.is_some() => {
                refuse(Code::Syntax, "a policy is one document, this begins a second".into())
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, at: Location) -> Result<(), Finding> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} values");
            return Err(Finding::new(Code::Limit, at, "", message));
        }
        Ok(())
    }

    fn begin(&mut self, at: Location, open: Open) -> Result<(), Finding> {
        self.count(at)?;
        if self.open.len() >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} lists and maps inside each other");
            return Err(Finding::new(Code::Limit, at, "", message));
        }
        if let Some(Open::Map(_, _, None)) = self.open.last() {
            let message = "a list or map cannot be a field's name";
            return Err(Finding::new(Code::Syntax, at, "", message));
        }
        self.open.push(open);
        Ok(())
    }

    fn scalar(&mut self, at: Location, text: String, plain: bool) -> Result<(), Finding> {
        self.count(at)?;
        if let Some(Open::Map(_, _, key @ None)) = self.open.last_mut() {
            *key = Some(Key { at, text });
            return Ok(());
        }
        self.put(Node { at, value: Value::Scalar { text, plain } })
    }

    fn put(&mut self, node: Node) -> Result<(), Finding> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, list)) => list.push(node),
            Some(Open::Map(_, map, key)) => match key.take() {
                Some(key) => map.push((key, node)),
                None => {
                    let message = "a list or map cannot be a field's name";
                    return Err(Finding::new(Code::Syntax, node.at, "", message));
                }
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> (Code, Option<(u32, u32)>) {
        let finding = parse(text).expect_err(text);
        (finding.code, finding.at.map(|at| (at.line, at.column)))
    }

    #[test]
    fn every_node_knows_its_place() {
        let node = parse("a: 1\nb:\n  - x\n  - {c: \"2\"}\n").unwrap();
        let Value::Map(map) = node.value else { panic!() };
        assert_eq!((map[0].0.at.line, map[0].1.at.column), (1, 4));
        let Value::List(list) = &map[1].1.value else { panic!() };
        assert_eq!((list[1].at.line, list[1].at.column), (4, 5));
    }

    #[test]
    fn what_can_grow_or_hide_is_refused() {
        assert_eq!(refusal("a: &x 1\nb: *x\n"), (Code::Syntax, Some((1, 4))));
        assert_eq!(refusal("a: !!binary x\n").0, Code::Syntax);
        assert_eq!(refusal("a: 1\n---\nb: 2\n").0, Code::Syntax);
        assert_eq!(refusal("").0, Code::Syntax);
        assert_eq!(refusal("? [a, b]\n: 1\n").0, Code::Syntax);
        assert_eq!(refusal("a: [1\n").0, Code::Syntax);
    }

    #[test]
    fn size_number_and_depth_are_bounded() {
        assert_eq!(refusal(&"#".repeat(MAX_BYTES + 1)), (Code::Limit, None));
        assert_eq!(refusal(&format!("a: [{}]", "1,".repeat(MAX_NODES))).0, Code::Limit);
        assert_eq!(refusal(&"[".repeat(MAX_DEPTH + 1)).0, Code::Limit);
        let deep = format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(parse(&deep).is_ok());
    }
}

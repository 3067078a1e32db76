//! Reason templates: text with `{name}` placeholders that the evaluation fills in.

/// What a template may name.
const PLACEHOLDERS: [&str; 8] =
    ["rule", "count", "measured", "min", "max", "classes", "region", "label"];

/// One piece of a template.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Value(&'static str),
}

/// A checked template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template(Vec<Piece>);

impl Template {
    /// Checks `text`; the error is a sentence with the next step. `{{` and `}}` stand for braces.
    pub(crate) fn parse(text: &str) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '{' | '}' if rest.peek() == Some(&c) => {
                    rest.next();
                    literal.push(c);
                }
                '{' => {
                    let mut name = String::new();
                    loop {
                        match rest.next() {
                            Some('}') => break,
                            Some(inner) => name.push(inner),
                            None => return Err("a { is never closed, write {{ for a brace".into()),
                        }
                    }
                    let known = PLACEHOLDERS.into_iter().find(|known| *known == name);
                    let known = known.ok_or_else(|| {
                        format!("{{{name}}} is not known, use one of {}", Self::known())
                    })?;
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    pieces.push(Piece::Value(known));
                }
                '}' => return Err("a lone } has no beginning, write }} for a brace".to_owned()),
                other => literal.push(other),
            }
        }
        pieces.push(Piece::Text(literal));
        Ok(Template(pieces))
    }

    /// The text with each placeholder replaced by `value(name)`.
    pub(crate) fn render(&self, value: impl Fn(&str) -> String) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Value(name) => text.push_str(&value(name)),
            }
        }
        text
    }

    fn known() -> String {
        PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_values_and_keeps_doubled_braces() {
        let template = Template::parse("{count} of {{max}} in {region}").unwrap();
        assert_eq!(template.render(|name| name.to_uppercase()), "COUNT of {max} in REGION");
    }

    #[test]
    fn refuses_unknown_and_broken_placeholders() {
        assert!(Template::parse("{speed}").unwrap_err().contains("{count}"));
        assert!(Template::parse("{count").is_err());
        assert!(Template::parse("count}").is_err());
    }
}

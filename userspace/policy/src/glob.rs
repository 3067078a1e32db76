//! Patterns of names: `*` stands for any characters, none included, `?` for one.

use std::fmt;

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: String,
    form: Form,
}

/// The forms that people write most are one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Any,
    Exact,
    /// Text, then one `*`.
    Prefix,
    General,
}

impl Glob {
    /// A pattern; every text is one.
    pub fn new(pattern: impl Into<String>) -> Glob {
        let text = pattern.into();
        let form = match text.find(['*', '?']) {
            None => Form::Exact,
            Some(at) if &text[at..] == "*" && at == 0 => Form::Any,
            Some(at) if &text[at..] == "*" => Form::Prefix,
            Some(_) => Form::General,
        };
        Glob { text, form }
    }

    /// The pattern's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// It names one thing only.
    pub fn is_plain(&self) -> bool {
        self.form == Form::Exact
    }

    /// `name` is of this pattern. Allocates nothing; at most pattern times name steps.
    pub fn matches(&self, name: &str) -> bool {
        match self.form {
            Form::Any => true,
            Form::Exact => self.text == name,
            Form::Prefix => {
                name.as_bytes().starts_with(&self.text.as_bytes()[..self.text.len() - 1])
            }
            Form::General => {
                run(&self.text, name, |pattern, name| pattern == '?' || pattern == name)
            }
        }
    }

    /// Every name of `other` is of this pattern. May say no where it is so, never yes where not.
    pub fn covers(&self, other: &Glob) -> bool {
        // The other's `*` is held by a `*` of ours only, its `?` by either of ours.
        run(&self.text, &other.text, |pattern, name| match name {
            '*' => false,
            _ => pattern == '?' || pattern == name,
        })
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Goes back to the last `*` alone: what an earlier one took never needs to change.
fn run(pattern: &str, name: &str, one: impl Fn(char, char) -> bool) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    let mut retry = None;
    loop {
        let (before, mut ahead) = (name.clone(), name.clone());
        let mut next = pattern.clone();
        match (next.next(), ahead.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                pattern = next;
                retry = Some((pattern.clone(), before));
                continue;
            }
            (Some(wanted), Some(found)) if one(wanted, found) => {
                (pattern, name) = (next, ahead);
                continue;
            }
            _ => {}
        }
        let Some((after, mut from)) = retry.take() else { return false };
        if from.next().is_none() {
            return false;
        }
        (pattern, name) = (after.clone(), from.clone());
        retry = Some((after, from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By recursion over every split, exponential and plain.
    fn slow(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            (['*', rest @ ..], _) => {
                slow(rest, name) || (!name.is_empty() && slow(pattern, &name[1..]))
            }
            (['?', rest @ ..], [_, more @ ..]) => slow(rest, more),
            ([c, rest @ ..], [d, more @ ..]) => c == d && slow(rest, more),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matches_as_the_definition_says(pattern in "[ab*?]{0,7}", name in "[ab]{0,7}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = slow(&chars(&pattern), &chars(&name));
            prop_assert_eq!(Glob::new(pattern).matches(&name), expected);
        }

        #[test]
        fn what_covers_matches_all_that_the_covered_matches(
            wide in "[ab*?]{0,5}", narrow in "[ab*?]{0,5}", name in "[ab]{0,6}",
        ) {
            let (wide, narrow) = (Glob::new(wide), Glob::new(narrow));
            if wide.covers(&narrow) && narrow.matches(&name) {
                prop_assert!(wide.matches(&name), "{} over {}", wide, narrow);
            }
        }
    }

    #[test]
    fn covering_is_seen_where_people_write_it() {
        let covers = |a: &str, b: &str| Glob::new(a).covers(&Glob::new(b));
        assert!(covers("*", "camera-*") && covers("camera-*", "camera-1") && covers("a*", "a*b"));
        assert!(covers("a?", "a?") && covers("*a*", "a"));
        assert!(!covers("camera-*", "*") && !covers("a?", "a*") && !covers("a", "b"));
    }
}

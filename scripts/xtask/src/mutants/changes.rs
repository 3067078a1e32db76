//! The small changes of a line of SystemVerilog that make a mutant.

/// What a text becomes.
const SWAPS: [(&str, &str, &str); 13] = [
    ("operator", " && ", " || "),
    ("operator", " || ", " && "),
    ("comparison", " == ", " != "),
    ("comparison", " != ", " == "),
    ("comparison", " < ", " <= "),
    ("comparison", " >= ", " > "),
    ("comparison", " > ", " >= "),
    ("arithmetic", " + ", " - "),
    ("arithmetic", " - ", " + "),
    ("constant", "1'b0", "1'b1"),
    ("constant", "1'b1", "1'b0"),
    ("constant", "'0;", "'1;"),
    ("negation", "!", ""),
];

/// Every change of a line.
pub(super) fn changes(line: &str) -> Vec<(&'static str, String)> {
    let code = line.split("//").next().unwrap_or_default();
    let trimmed = code.trim();
    let declaration = ["logic ", "localparam ", "input ", "output ", "import ", "for ", "$error"];
    if trimmed.is_empty() || declaration.iter().any(|word| trimmed.starts_with(word)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (class, from, to) in SWAPS {
        for (at, _) in code.match_indices(from) {
            // `!=` is not a negation.
            if class == "negation" && code[at + 1..].starts_with('=') {
                continue;
            }
            // The width of a cast: the value fits before and after.
            let rest = code[at + from.len()..].trim_start_matches(|c: char| c.is_ascii_digit());
            if class == "arithmetic" && rest.starts_with(")'(") {
                continue;
            }
            let class = if is_handshake(code) && class == "operator" { "handshake" } else { class };
            found.push((class, format!("{}{to}{}", &code[..at], &code[at + from.len()..])));
        }
    }
    // A comparison by `<=`: the first one of a statement that assigns is not one.
    let assigns = trimmed.ends_with(';') && !trimmed.starts_with("assign");
    for (index, (at, _)) in code.match_indices(" <= ").enumerate() {
        if index > 0 || !assigns {
            found.push(("comparison", format!("{} < {}", &code[..at], &code[at + 4..])));
        }
    }
    // A choice is made the other way.
    if let (Some(question), Some(colon)) = (code.find(" ? "), code.rfind(" : "))
        && code.matches(" ? ").count() == 1
        && colon > question
    {
        let end = code.rfind([';', ',']).filter(|end| *end > colon).unwrap_or(code.len());
        let (yes, no) = (&code[question + 3..colon], &code[colon + 3..end]);
        found.push(("choice", format!("{} ? {no} : {yes}{}", &code[..question], &code[end..])));
    }
    if code.contains("if (!aresetn") {
        found.push(("reset", code.replace("!aresetn", "1'b0")));
    } else if let Some(at) = code.find("if (") {
        found.push(("condition", format!("{}if (1'b1 || {}", &code[..at], &code[at + 4..])));
        found.push(("condition", format!("{}if (1'b0 && {}", &code[..at], &code[at + 4..])));
    }
    // A statement is lost.
    let whole = trimmed.ends_with(';') && (trimmed.contains(" = ") || trimmed.contains(" <= "));
    let begins = ["assign", "automatic", "wire "].iter().any(|word| trimmed.starts_with(word));
    if whole && !begins && !trimmed.contains("if (") && !trimmed.starts_with("else") {
        found.push(("statement", format!("{};", leading(code))));
    }
    found.retain(|(_, to)| to.trim() != trimmed);
    found
}

fn leading(code: &str) -> &str {
    &code[..code.len() - code.trim_start().len()]
}

fn is_handshake(code: &str) -> bool {
    code.contains("valid") && code.contains("ready")
}

#[cfg(test)]
mod tests {
    use super::changes;

    fn texts(line: &str) -> Vec<String> {
        changes(line).into_iter().map(|(_, to)| to.trim().to_owned()).collect()
    }

    #[test]
    fn an_assignment_is_not_a_comparison() {
        let found = texts("    level <= base <= top ? a : b;");
        assert!(found.contains(&"level <= base < top ? a : b;".to_owned()), "{found:?}");
        assert!(found.contains(&"level <= base <= top ? b : a;".to_owned()), "{found:?}");
        assert!(!found.iter().any(|text| text.starts_with("level < ")), "{found:?}");
    }

    #[test]
    fn comments_and_declarations_stay() {
        assert!(texts("  // a && b").is_empty());
        assert!(texts("  logic a = 1'b0;").is_empty());
    }

    #[test]
    fn conditions_resets_and_statements_are_changed() {
        let found = texts("      if (take && !full) count <= count + 1'b1;");
        for wanted in [
            "if (take || !full) count <= count + 1'b1;",
            "if (take && full) count <= count + 1'b1;",
            "if (take && !full) count <= count - 1'b1;",
            "if (1'b0 && take && !full) count <= count + 1'b1;",
        ] {
            assert!(found.contains(&wanted.to_owned()), "{wanted} is not among {found:?}");
        }
        assert!(texts("    if (!aresetn) begin").contains(&"if (1'b0) begin".to_owned()));
        assert!(texts("      seen <= part;").contains(&";".to_owned()));
    }
}

//! The documentation tables: every spelling the compiler knows, from the registry.

use super::{Arg, Form, Spelling, composites, registry};

/// The operations written as infix operators.
const OPERATORS: [(&str, char); 5] = [("add", '+'), ("sub", '-'), ("mul", '*'), ("div", '/'), ("rem", '%')];

/// A spelling with its family, meaning and source.
struct Entry {
    family: &'static str,
    written: Vec<String>,
    meaning: &'static str,
    source: &'static str,
}

/// Everything with a spelling, family by family; the parts of derivatives have none.
fn families() -> Vec<(&'static str, Vec<Entry>)> {
    let operations = registry().filter_map(|op| {
        let operator = OPERATORS.iter().find(|o| o.0 == op.name).map(|o| format!("x {} y", o.1));
        let written: Vec<String> = operator.into_iter().chain(op.spellings.iter().map(spelled)).collect();
        (!written.is_empty()).then_some(Entry { family: op.family, written, meaning: op.doc, source: op.source })
    });
    let composites = composites().map(|c| Entry {
        family: c.family,
        written: vec![spelled(&c.spelling)],
        meaning: c.doc,
        source: "that of its parts",
    });
    let mut families: Vec<(&str, Vec<Entry>)> = Vec::new();
    for entry in operations.chain(composites) {
        match families.iter_mut().find(|f| f.0 == entry.family) {
            Some((_, list)) => list.push(entry),
            None => families.push((entry.family, vec![entry])),
        }
    }
    families
}

/// Family and text of every spelling that the documentation lists.
pub fn written() -> Vec<(&'static str, String)> {
    let split = |(family, entries): (&'static str, Vec<Entry>)| {
        let texts: Vec<String> = entries.into_iter().flat_map(|e| e.written).collect();
        texts.into_iter().map(move |text| (family, text))
    };
    families().into_iter().flat_map(split).collect()
}

/// The README's Markdown table: the spellings of each family in a row.
pub fn overview() -> String {
    let mut text = String::from("| family | written |\n|---|---|\n");
    for (family, entries) in families() {
        let spellings: Vec<String> = entries.iter().map(code).collect();
        text += &row(&[family, &spellings.join(" ")]);
    }
    text
}

/// A Markdown table for each family: spelling, meaning, where the rule is from.
pub fn documentation() -> String {
    let mut text = String::new();
    for (family, entries) in families() {
        text += &format!("\n## {}\n\n| written | meaning | rule from |\n|---|---|---|\n", capitalised(family));
        for e in entries {
            text += &row(&[&code(&e), e.meaning, e.source]);
        }
    }
    text
}

/// The spellings of an entry, each in backticks.
fn code(entry: &Entry) -> String {
    entry.written.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(" ")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|c| c.trim().replace('|', "\\|").replace('\n', " ")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A spelling with its arguments: `x.softmax(Axis(k))`, `cross_entropy(x, indices)`.
fn spelled(spelling: &Spelling) -> String {
    if spelling.form == Form::Method && spelling.name == "neg" && spelling.args.is_empty() {
        return "-x".to_string();
    }
    let receiver = usize::from(spelling.form == Form::Method);
    let mut operands = ["x", "y", "z", "v", "w"].into_iter().skip(receiver);
    let args: Vec<&str> = spelling
        .args
        .iter()
        .map(|arg| match arg {
            Arg::Operand => operands.next().unwrap_or("…"),
            Arg::Mask | Arg::Gate => "mask",
            Arg::Indices => "indices",
            Arg::Axis => "Axis(k)",
            Arg::Int | Arg::Size => "n",
            Arg::Widths => "[(n, n), …]",
            Arg::Float => "c",
            Arg::Shape => "shape",
            Arg::Axes => "axes",
            Arg::Triangle => "UPLO::Lower",
            Arg::Diagonal => "Diag::NonUnit",
            Arg::Switch => "true",
            Arg::Slice => "s![…]",
            Arg::List if spelling.form == Form::Macro => "x, y",
            Arg::List => "[…]",
            Arg::Subscripts => "\"ij,jk->ik\"",
        })
        .collect();
    match spelling.form {
        Form::Method => format!("x.{}({})", spelling.name, args.join(", ")),
        Form::Function => format!("{}({})", spelling.name, args.join(", ")),
        Form::Macro => format!("{}!({})", spelling.name, args.join(", ")),
    }
}

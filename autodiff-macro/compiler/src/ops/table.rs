//! The documentation table: every spelling the compiler knows, from the registry.

use super::{Arg, Form, Spelling, composites, registry};

/// A Markdown table for each family: spelling, meaning, where the rule is from.
///
/// Operations come in the order of the registry, followed by the composites (spellings that stand for several
/// operations). Operations without a spelling, such as the parts of derivatives, are left out.
pub fn documentation() -> String {
    let mut text = String::new();
    let mut family = "";
    for op in registry().filter(|op| !op.spellings.is_empty()) {
        if op.family != family {
            family = op.family;
            text += &format!("\n**{}**\n\n| written | meaning | rule from |\n|---|---|---|\n", capitalised(family));
        }
        let spellings: Vec<String> = op.spellings.iter().map(written).collect();
        text += &row(&[spellings.join(", "), op.doc.to_string(), op.source.to_string()]);
    }
    text += "\n**Made of other operations**\n\n| written | meaning |\n|---|---|\n";
    for composite in composites() {
        text += &row(&[written(&composite.spelling), composite.doc.to_string()]);
    }
    text.trim_start().to_string()
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn row(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|c| c.trim().replace('|', "\\|").replace('\n', " ")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A spelling with its arguments: `x.softmax(Axis(k))`, `cross_entropy(x, indices)`.
fn written(spelling: &Spelling) -> String {
    let operators = [("add", "+"), ("sub", "-"), ("mul", "*"), ("div", "/"), ("rem", "%")];
    if let Some((_, sign)) = operators.iter().find(|(name, _)| spelling.form == Form::Method && *name == spelling.name) {
        return format!("`x {sign} y`");
    }
    if spelling.form == Form::Method && spelling.name == "neg" && spelling.args.is_empty() {
        return "`-x`".to_string();
    }
    let receiver = usize::from(spelling.form == Form::Method);
    let mut operands = ["x", "y", "z", "v", "w"].into_iter().skip(receiver);
    let args: Vec<&str> = spelling
        .args
        .iter()
        .map(|arg| match arg {
            Arg::Operand => operands.next().unwrap_or("…"),
            Arg::Mask => "mask",
            Arg::Indices => "indices",
            Arg::Axis => "Axis(k)",
            Arg::Int => "n",
            Arg::Float => "c",
            Arg::Shape => "shape",
            Arg::Axes => "axes",
            Arg::Slice => "s![…]",
            Arg::List => "[…]",
        })
        .collect();
    match spelling.form {
        Form::Method => format!("`x.{}({})`", spelling.name, args.join(", ")),
        Form::Function => format!("`{}({})`", spelling.name, args.join(", ")),
    }
}

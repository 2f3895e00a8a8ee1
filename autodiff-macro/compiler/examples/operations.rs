//! Prints the operations that are understood, as the README's table.

use autodiff_compiler::ops::{self, Form};

fn main() {
    print!("{}", table());
}

/// A row for each family: the spellings of its operations.
fn table() -> String {
    let spell = |s: &ops::Spelling| match s.form {
        Form::Method => format!("`.{}({})`", s.name, arguments(s)),
        Form::Function => format!("`{}({})`", s.name, arguments(s)),
    };
    let mut families: Vec<(&str, Vec<String>)> = Vec::new();
    let mut add = |family: &'static str, text: String| match families.iter_mut().find(|f| f.0 == family) {
        Some((_, list)) => list.push(text),
        None => families.push((family, vec![text])),
    };
    for op in ops::registry() {
        for s in op.spellings {
            add(op.family, spell(s));
        }
    }
    for c in ops::composites() {
        add("built from these", spell(&c.spelling));
    }
    let mut out = String::from("| family | spellings |\n|---|---|\n");
    for (family, list) in families {
        out.push_str(&format!("| {family} | {} |\n", list.join(" ")));
    }
    out
}

fn arguments(s: &ops::Spelling) -> String {
    use ops::Arg;
    let names: Vec<&str> = s
        .args
        .iter()
        .map(|a| match a {
            Arg::Operand => "x",
            Arg::Mask => "mask",
            Arg::Indices => "indices",
            Arg::Axis => "Axis(k)",
            Arg::Int => "n",
            Arg::Float => "s",
            Arg::Shape => "shape",
            Arg::Axes => "axes",
            Arg::Slice => "s![…]",
            Arg::List => "arrays",
        })
        .collect();
    names.join(", ")
}

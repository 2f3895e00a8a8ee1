//! Writes a differentiated function for every spelling of the compiler's registry, with what `tests/spellings.rs` checks it by.

use std::fmt::Write as _;

use autodiff_compiler::ops::{self, Arg, Derivative, Form, Operation};

use crate::language::LANGUAGE;

/// Methods of arrays that take scalars; other functions of two numbers are methods of numbers, or take arrays.
const WITH_SCALARS: [&str; 8] = ["powf", "log", "abs_sub", "hypot", "leaky_relu", "elu", "celu", "clamp"];

/// Elementwise functions that arrays have no method for.
const SCALARS_ONLY: [&str; 3] = ["max", "min", "mul_add"];

/// Matrices made of `x` that a function of matrices is defined for.
const MATRICES: [(&str, &str); 4] = [
    ("regular(x)", "(x + Array2::<F>::eye(x.nrows()) * 9.0)"),
    ("definite(x)", "(x.dot(&x.t()) + Array2::<F>::eye(x.nrows()))"),
    ("rooted(x)", "(x + Array2::<F>::eye(x.nrows()) * 5.0)"),
    (
        "spread(x)",
        "({ let d: Array2<F> = Array2::from_diag(&Array1::from_iter((0..x.nrows()).map(|i| 9.0 * i as F))); x.to_owned() + &x.t() + &d })",
    ),
];

/// A parameter of a function.
struct Parameter {
    name: String,
    /// `'f'` a float, `'c'` one whose gradient is zero, `'m'` a mask, `'i'` indices.
    kind: char,
    /// A letter or digit for each axis.
    shape: String,
    /// For indices the size that they are below, as a letter.
    below: String,
    range: (f64, f64),
}

impl Parameter {
    /// Reads `x[nm]0.5..2`.
    fn read(text: &str) -> Parameter {
        let (head, rest) = text.split_once('[').unwrap_or((text, "]"));
        let (shape, range) = rest.split_once(']').unwrap_or((rest, ""));
        let kind = match head.chars().last() {
            Some('!') => 'c',
            Some('?') => 'm',
            Some('#') => 'i',
            _ => 'f',
        };
        let (shape, below) = shape.split_once('<').unwrap_or((shape, ""));
        let range = match range.split_once("..") {
            Some((low, high)) => (low.parse().unwrap_or(-2.0), high.parse().unwrap_or(2.0)),
            None => (-2.0, 2.0),
        };
        let name = head.trim_end_matches(['!', '?', '#']).to_string();
        Parameter { name, kind, shape: shape.to_string(), below: below.to_string(), range }
    }

    fn is_float(&self) -> bool {
        matches!(self.kind, 'f' | 'c')
    }

    fn ty(&self) -> String {
        let rank = self.shape.len();
        match self.kind {
            'm' => format!("&ArrayRef{rank}<bool>"),
            'i' if rank == 1 => "&[usize]".to_string(),
            'i' => format!("&ArrayRef{rank}<usize>"),
            _ if rank == 0 => "F".to_string(),
            _ => format!("&ArrayRef{rank}<F>"),
        }
    }

    /// The argument of a call, from the `i`-th value of a case.
    fn argument(&self, i: usize) -> String {
        let rank = self.shape.len();
        match self.kind {
            'm' => format!("&c.mask::<Ix{rank}>({i})"),
            'i' if rank == 1 => format!("&c.indices({i})"),
            'i' => format!("&c.index_array::<Ix{rank}>({i})"),
            _ if rank == 0 => format!("c.scalar({i})"),
            _ => format!("&c.array::<Ix{rank}>({i})"),
        }
    }
}

/// A function to write: what it tests, its parameters, the rank of its result, its body.
struct Function {
    spelling: String,
    parameters: Vec<Parameter>,
    least: usize,
    rank: usize,
    body: String,
}

impl Function {
    fn read(spelling: &str, parameters: &str, rank: usize, body: &str) -> Function {
        let (parameters, least) = parameters.split_once(" >").unwrap_or((parameters, "-1"));
        Function {
            spelling: spelling.to_string(),
            parameters: parameters.split_whitespace().map(Parameter::read).collect(),
            least: (least.parse::<i32>().unwrap_or(-1) + 1) as usize,
            rank,
            body: MATRICES.iter().fold(body.to_string(), |body, (name, matrix)| body.replace(name, matrix)),
        }
    }

    fn write(&self, text: &mut String, number: usize) {
        let word: String = self.spelling.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
        let name = format!("{}_{number}", word.split_whitespace().collect::<Vec<_>>().join("_").to_lowercase());
        let result = match self.rank {
            0 => "F".to_string(),
            r => format!("Array{r}<F>"),
        };
        let parameters: Vec<String> = self.parameters.iter().map(|p| format!("{}: {}", p.name, p.ty())).collect();
        let arguments: Vec<String> = self.parameters.iter().enumerate().map(|(i, p)| p.argument(i)).collect();
        let (parameters, arguments) = (parameters.join(", "), arguments.join(", "));
        let floats: Vec<&str> = self.parameters.iter().filter(|p| p.is_float()).map(|p| &*p.name).collect();
        let wrt = floats.join(", ");
        let gradients = match floats.as_slice() {
            [_] => "dynamic(d)".to_string(),
            several => several.iter().map(|n| format!("dynamic(d.{n})")).collect::<Vec<_>>().join(", "),
        };
        let cotangent = match self.rank {
            0 => "g.first().copied().unwrap()".to_string(),
            r => format!("g.clone().into_dimensionality::<Ix{r}>().unwrap()"),
        };
        // A function of its own for each type where the body has literals, else one for both.
        let (body, types): (&str, &[&str]) = match self.body.strip_prefix('!') {
            Some(body) => (body, &["f64", "f32"]),
            None => (&self.body, &[""]),
        };
        for ty in types {
            let generics = if ty.is_empty() { "<F: Element>" } else { "" };
            let of = |code: &str| if ty.is_empty() { code.to_string() } else { replaced(code, ty) };
            let name = if ty.is_empty() { name.clone() } else { format!("{name}_{ty}") };
            let _ = writeln!(
                text,
                "#[differentiate(wrt({wrt}))]\nfn {name}{generics}({}) -> {} {{\n    {}\n}}",
                of(&parameters),
                of(&result),
                of(body)
            );
            let (float, case) = (of("F"), of("Case<F>"));
            // The other way to the same gradient, where there is one.
            let whole = match self.rank {
                0 => format!("let (_, d) = {name}::value_and_grad({arguments});\n    let whole = vec![{gradients}];"),
                _ => "let whole = vec![];".to_string(),
            };
            let _ = writeln!(
                text,
                "fn plain_{name}{generics}(c: &{case}) -> ArrayD<{float}> {{\n    dynamic({name}({arguments}))\n}}\n\
                 fn derived_{name}{generics}(c: &{case}, g: &ArrayD<{float}>) -> Made<{float}> {{\n    \
                 let (y, saved) = {name}::forward({arguments});\n    let d = {name}::backward(saved, {});\n    \
                 let gradient = vec![{gradients}];\n    {whole}\n    Made {{ value: dynamic(y), gradient, whole }}\n}}\n",
                of(&cotangent),
            );
        }
    }

    fn entry(&self, number: usize) -> String {
        let word: String = self.spelling.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
        let name = format!("{}_{number}", word.split_whitespace().collect::<Vec<_>>().join("_").to_lowercase());
        let own = self.body.starts_with('!');
        let of = |kind: &str, ty: &str| if own { format!("{kind}_{name}_{ty}") } else { format!("{kind}_{name}::<{ty}>") };
        let parameters: Vec<String> = self
            .parameters
            .iter()
            .map(|p| {
                let (low, high) = p.range;
                format!(
                    "Parameter {{ kind: '{}', shape: {:?}, below: {:?}, range: ({low:?}, {high:?}) }}",
                    p.kind, p.shape, p.below
                )
            })
            .collect();
        format!(
            "    Entry {{ name: {:?}, least: {}, parameters: &[{}], f64: ({}, {}), f32: ({}, {}) }},\n",
            format!("{} as {}", self.spelling, self.body),
            self.least,
            parameters.join(", "),
            of("plain", "f64"),
            of("derived", "f64"),
            of("plain", "f32"),
            of("derived", "f32"),
        )
    }
}

/// Code with the type `F` replaced.
fn replaced(code: &str, ty: &str) -> String {
    let mut out = String::new();
    let mut letters = code.chars().peekable();
    let mut before = ' ';
    while let Some(c) = letters.next() {
        let alone = !before.is_alphanumeric() && !letters.peek().is_some_and(|n| n.is_alphanumeric());
        if c == 'F' && alone {
            out.push_str(ty)
        } else {
            out.push(c)
        }
        before = c;
    }
    out
}

/// The forms of an elementwise function: closure, path and method of arrays, added up: each must mean the same.
fn elementwise(op: &Operation, name: &str, args: &[Arg], spelling: &str) -> Function {
    let domains = op.samples.first().map_or(&[][..], |s| s.domains);
    let scalars: Vec<&str> = ["b", "c", "d"].into_iter().take(domains.len().saturating_sub(1)).collect();
    let given = if args == [Arg::Int] { "3".to_string() } else { scalars.join(", ") };
    let mut forms = vec![format!("x.mapv(|v| v.{name}({given}))")];
    if args.is_empty() {
        forms.push(format!("x.mapv(F::{name})"));
    }
    let array = if scalars.is_empty() { !SCALARS_ONLY.contains(&name) } else { WITH_SCALARS.contains(&name) };
    if array {
        forms.push(format!("x.{name}({given})"));
    }
    let mut parameters = vec![];
    for (i, (low, high)) in domains.iter().enumerate() {
        let name = if i == 0 { "x[nm]".to_string() } else { format!("{}[]", scalars[i - 1]) };
        parameters.push(format!("{name}{low:?}..{high:?}"));
    }
    Function::read(spelling, &parameters.join(" "), 2, &forms.join(" + "))
}

/// Operators between references, owned arrays, views and scalars, with broadcasting.
fn operator(sign: char) -> Vec<Function> {
    let spelling = format!("x {sign} y");
    [
        ("x[nm] y[nm]0.5..2", format!("x {sign} y")),
        ("x[nm] y[m]0.5..2", format!("x {sign} y")),
        ("x[n1] y[m]0.5..2", format!("x {sign} y")),
        ("x[nm] y[nm]0.5..2", format!("x.to_owned() {sign} y")),
        ("x[nm] y[n1]0.5..2", format!("&x.view() {sign} y.to_owned()")),
        ("x[nm] c[]0.5..2", format!("x {sign} c")),
        ("x[nm] y[m]0.5..2", format!("&(x.to_owned() {sign} y.to_owned()) + &(&x.view() {sign} &y.view())")),
        ("x[nm] c[]0.5..2", format!("x.mapv(|v| v {sign} c)")),
    ]
    .iter()
    .map(|(parameters, body)| Function::read(&spelling, parameters, 2, body))
    .collect()
}

/// The file that the test includes.
pub(crate) fn text() -> String {
    let mut families: Vec<(&str, Vec<Function>)> = Vec::new();
    let mut missing = Vec::new();
    let mut count = 0;
    for ops::Written { family, text: spelling, uses } in ops::written() {
        let mut functions: Vec<Function> = uses.iter().map(|u| Function::read(&spelling, u.0, u.1, u.2)).collect();
        if let Some(sign) = spelling.strip_prefix("x ").and_then(|s| s.strip_suffix(" y")).and_then(|s| s.chars().next()) {
            functions.extend(operator(sign));
        }
        let entry = ops::registry()
            .flat_map(|op| op.spellings.iter().map(move |s| (op, s)))
            .find(|(_, s)| s.form == Form::Method && spelling.starts_with(&format!("x.{}(", s.name)));
        if let Some((op, s)) = entry
            && matches!(op.derivative, Derivative::Elementwise(_) | Derivative::Zero)
            && s.args.iter().all(|a| matches!(a, Arg::Operand | Arg::Float | Arg::Int))
            && matches!(op.code, ops::Code::Scalar { .. })
            && !op.name.starts_with("is_")
        {
            functions.push(elementwise(op, s.name, s.args, &spelling));
        }
        if functions.is_empty() {
            missing.push(spelling);
            continue;
        }
        count += 1;
        match families.iter_mut().find(|f| f.0 == family) {
            Some((_, list)) => list.append(&mut functions),
            None => families.push((family, functions)),
        }
    }
    families.push(("language", LANGUAGE.iter().map(|l| Function::read(l.0, l.1, l.2, l.3)).collect()));
    let mut text = format!("pub(crate) const SPELLINGS: usize = {count};\npub(crate) const MISSING: &[&str] = &{missing:?};\n\n");
    for (family, functions) in &families {
        let module = family.replace(' ', "_");
        let _ = writeln!(text, "mod {module} {{\nuse super::*;\n");
        let mut entries = String::new();
        for (number, function) in functions.iter().enumerate() {
            function.write(&mut text, number);
            entries += &function.entry(number);
        }
        let _ = writeln!(text, "#[test]\nfn every_form_is_right() {{\n    check(&[\n{entries}    ]);\n}}\n}}\n");
    }
    text
}

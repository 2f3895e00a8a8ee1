//! Writes random functions with branches, loops, mutation, indexing and closures, for `tests/random_programs.rs`.
//!
//! `RANDOM_PROGRAMS=seed,count` gives others and more: `RANDOM_PROGRAMS=7,300 cargo test -p autodiff-tests --test random_programs`.
//! [`spellings`] writes a function for every operation, for `tests/spellings.rs`, and [`mutants`] functions of statements
//! that the compiler may not know, for `tests/mutants.rs`.

#[path = "build/language.rs"]
mod language;
#[path = "build/mutants.rs"]
mod mutants;
#[path = "build/spellings.rs"]
mod spellings;

use std::fmt::Write as _;
use std::{env, fs, path::Path};

/// Functions in a build without `RANDOM_PROGRAMS`, and their seed.
const STANDARD: (u64, usize) = (1, 24);

/// Whether programs write to elements.
const ELEMENT_WRITES: bool = true;

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n.max(1) as u64) as usize
    }

    fn one_of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }
}

/// The variables that may be read; those that may be written are in `changeable`.
#[derive(Clone, Default)]
struct Scope {
    scalars: Vec<String>,
    vectors: Vec<String>,
    indices: Vec<String>,
    changeable_scalars: Vec<String>,
    changeable_vectors: Vec<String>,
    /// Vectors whose length changes.
    lengths: Vec<String>,
}

struct Writer {
    random: Random,
    text: String,
    names: usize,
}

impl Writer {
    fn name(&mut self, kind: char) -> String {
        self.names += 1;
        format!("{kind}{}", self.names)
    }

    fn scalar(&mut self, scope: &Scope, depth: usize) -> String {
        if depth == 0 {
            return match self.random.below(4) {
                0 => format!("{}.{}_f64", self.random.below(2), 1 + self.random.below(9)),
                1 if !scope.indices.is_empty() => format!("x[{} % 3]", self.random.one_of(&scope.indices)),
                2 if !scope.indices.is_empty() => {
                    format!("w[[{0} % 3, {1}]]", self.random.one_of(&scope.indices), self.random.below(3))
                }
                _ => self.random.one_of(&scope.scalars),
            };
        }
        let a = self.scalar(scope, depth - 1);
        match self.random.below(13) {
            10 if !scope.lengths.is_empty() => format!("{}.sum()", self.random.one_of(&scope.lengths)),
            11 if !scope.lengths.is_empty() => format!("({}.len() as f64 * 0.1)", self.random.one_of(&scope.lengths)),
            0 => format!("({a} + {})", self.scalar(scope, depth - 1)),
            1 => format!("({a} - {})", self.scalar(scope, depth - 1)),
            2 => format!("({a} * {})", self.scalar(scope, depth - 1)),
            3 => format!("({a} / (1.5 + {}.powi(2)))", self.scalar(scope, depth - 1)),
            4 => format!("({a}).sin()"),
            5 => format!("({a}).tanh()"),
            6 => format!("(({a}).powi(2) + 0.5).ln()"),
            7 => format!("{}.sum()", self.vector(scope, depth - 1)),
            8 => format!("({}).dot(&{})", self.vector(scope, depth - 1), self.random.one_of(&scope.vectors)),
            9 => format!("{}[{}]", self.random.one_of(&scope.vectors), self.random.below(3)),
            _ => format!("f64::exp(-({a}) * ({a}))"),
        }
    }

    fn vector(&mut self, scope: &Scope, depth: usize) -> String {
        let v = self.random.one_of(&scope.vectors);
        if depth == 0 {
            return format!("(&{v} * 1.0)");
        }
        match self.random.below(6) {
            0 => format!("(&{v} + &{})", self.random.one_of(&scope.vectors)),
            1 => format!("(&{v} * {})", self.random.one_of(&scope.scalars)),
            2 => format!("w.dot(&{v})"),
            3 => format!("{v}.mapv(|t| if t > 0.1 {{ t * 0.7 }} else {{ t.sin() }})"),
            4 => format!("({} - &w.row({}))", self.vector(scope, depth - 1), self.random.below(3)),
            _ => format!("({}).mapv(f64::tanh)", self.vector(scope, depth - 1)),
        }
    }

    fn condition(&mut self, scope: &Scope) -> String {
        match self.random.below(6) {
            5 if !scope.lengths.is_empty() => format!("{}.len() > {}", self.random.one_of(&scope.lengths), self.random.below(6)),
            0 => "flag".to_string(),
            1 if !scope.indices.is_empty() => format!("{} % 2 == 0", self.random.one_of(&scope.indices)),
            2 => format!("{} > {} && flag", self.random.one_of(&scope.scalars), self.scalar(scope, 0)),
            _ => format!("{} > 0.{}", self.scalar(scope, 1), self.random.below(9)),
        }
    }

    fn line(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.text, "{}{text}", "    ".repeat(indent));
    }

    fn block(&mut self, scope: &Scope, indent: usize, statements: usize, depth: usize, in_loop: bool) {
        let mut scope = scope.clone();
        for _ in 0..statements {
            self.statement(&mut scope, indent, depth, in_loop);
        }
    }

    /// Gives a vector another length, in ways that any length allows.
    fn change_length(&mut self, scope: &Scope, indent: usize) {
        let z = self.random.one_of(&scope.lengths);
        let value = match self.random.below(6) {
            0 => format!("concatenate![Axis(0), {z}, {}]", self.vector(scope, 1)),
            1 => format!("{z}.slice(s![..;2]).to_owned()"),
            2 => format!("if {} {{ {z}.slice(s![..;-2]).to_owned() }} else {{ {z}.mapv(|t| t * 0.8) }}", self.condition(scope)),
            3 => {
                let (test, v) = (self.condition(scope), self.random.one_of(&scope.vectors));
                format!(
                    "if {z}.len() > 2 {{ {z}.slice(s![1..]).to_owned() }} else if {test} {{ {v}.clone() }} else {{ Array1::ones(2) }}"
                )
            }
            4 => format!("{z}.mapv(f64::sin) * {}", self.scalar(scope, 0)),
            _ => format!("match n {{ 0 => concatenate![Axis(0), {z}, {z}.slice(s![..;3])], _ => {z}.mapv(f64::tanh) }}"),
        };
        self.line(indent, &format!("{z} = {value};"));
        if self.random.below(4) == 0 {
            let least = 3 + self.random.below(4);
            self.line(indent, &format!("while {z}.len() > {least} {{"));
            self.line(indent + 1, &format!("{z} = {z}.slice(s![2..]).to_owned() * 0.9;"));
            self.line(indent, "}");
        }
    }

    fn statement(&mut self, scope: &mut Scope, indent: usize, depth: usize, in_loop: bool) {
        if !scope.lengths.is_empty() && self.random.below(4) == 0 {
            return self.change_length(scope, indent);
        }
        let kind = self.random.below(if depth == 0 { 7 } else { 14 });
        match kind {
            0 => {
                let (name, value) = (self.name('s'), self.scalar(scope, 2));
                self.line(indent, &format!("let mut {name} = ({value}).tanh();"));
                scope.scalars.push(name.clone());
                scope.changeable_scalars.push(name);
            }
            1 => {
                let (name, value) = (self.name('v'), self.vector(scope, 1));
                self.line(indent, &format!("let mut {name} = {value}.mapv(f64::sin);"));
                scope.vectors.push(name.clone());
                scope.changeable_vectors.push(name);
            }
            2 | 3 if !scope.changeable_scalars.is_empty() => {
                let (name, value) = (self.random.one_of(&scope.changeable_scalars), self.scalar(scope, 2));
                let op = self.random.one_of(&["=", "+=", "*="]);
                self.line(indent, &format!("{name} {op} ({value}).sin();"));
            }
            4 if !scope.changeable_vectors.is_empty() => {
                let (name, value) = (self.random.one_of(&scope.changeable_vectors), self.vector(scope, 1));
                let op = self.random.one_of(&["=", "+=", "-="]);
                let value = if op == "=" { format!("{value}.mapv(f64::sin)") } else { format!("&{value}.mapv(f64::sin)") };
                self.line(indent, &format!("{name} {op} {value};"));
            }
            5 if ELEMENT_WRITES && !scope.changeable_vectors.is_empty() => {
                let (name, value) = (self.random.one_of(&scope.changeable_vectors), self.scalar(scope, 1));
                let at = match scope.indices.is_empty() {
                    true => self.random.below(3).to_string(),
                    false => format!("{} % 3", self.random.one_of(&scope.indices)),
                };
                self.line(indent, &format!("{name}[{at}] = ({value}).sin();"));
            }
            6 | 7 => {
                let (name, test) = (self.name('s'), self.condition(scope));
                let (a, b) = (self.scalar(scope, 2), self.scalar(scope, 2));
                self.line(indent, &format!("let {name} = if {test} {{ ({a}).sin() }} else {{ ({b}).tanh() }};"));
                scope.scalars.push(name);
            }
            8 | 9 => {
                let test = self.condition(scope);
                self.line(indent, &format!("if {test} {{"));
                let (n, m) = (1 + self.random.below(2), self.random.below(2));
                self.block(scope, indent + 1, n, depth - 1, false);
                if m > 0 {
                    self.line(indent, "} else {");
                    self.block(scope, indent + 1, m, depth - 1, false);
                }
                self.line(indent, "}");
            }
            10 => {
                self.line(indent, "match n % 3 {");
                for pattern in ["0", "1", "_"] {
                    self.line(indent + 1, &format!("{pattern} => {{"));
                    let n = self.random.below(2);
                    self.block(scope, indent + 2, n, depth - 1, false);
                    self.line(indent + 1, "}");
                }
                self.line(indent, "}");
            }
            11..=13 => {
                let mut inner = scope.clone();
                let (i, item) = (self.name('i'), self.name('e'));
                let head = match self.random.below(5) {
                    0 => format!("for {i} in 0..n {{"),
                    1 => format!("for {i} in (0..n).rev() {{"),
                    2 => {
                        inner.scalars.push(format!("(*{item})"));
                        format!("for ({i}, {item}) in x.iter().enumerate() {{")
                    }
                    3 => {
                        inner.vectors.push(item.clone());
                        format!("for ({i}, {item}) in w.outer_iter().enumerate() {{")
                    }
                    _ => format!("for {i} in 0..x.len() {{"),
                };
                inner.indices.push(i);
                self.line(indent, &head);
                if self.random.below(4) == 0 {
                    let test = self.condition(&inner);
                    let word = self.random.one_of(&["break", "continue"]);
                    self.line(indent + 1, &format!("if {test} {{"));
                    self.line(indent + 2, &format!("{word};"));
                    self.line(indent + 1, "}");
                }
                let n = 1 + self.random.below(3);
                self.block(&inner, indent + 1, n, depth - 1, true);
                self.line(indent, "}");
            }
            _ => {
                let _ = in_loop;
                let (name, value) = (self.name('s'), self.scalar(scope, 1));
                self.line(indent, &format!("let {name} = {value};"));
                scope.scalars.push(name);
            }
        }
    }

    fn function(&mut self, number: usize) {
        self.names = 0;
        self.line(0, "#[differentiate(wrt(x, w, a))]");
        self.line(0, &format!("fn program_{number}(x: &Array1<f64>, w: &Array2<f64>, a: f64, n: usize, flag: bool) -> f64 {{"));
        let mut scope = Scope { scalars: vec!["a".into()], vectors: vec!["u0".into()], ..Scope::default() };
        self.line(1, "let u0 = x.to_owned();");
        self.line(1, "let mut s0 = 0.3_f64;");
        self.line(1, "let mut v0 = x.mapv(|t| t * 0.9);");
        scope.scalars.push("s0".into());
        scope.changeable_scalars.push("s0".into());
        scope.vectors.push("v0".into());
        scope.changeable_vectors.push("v0".into());
        if self.random.below(2) == 0 {
            self.line(1, "let mut z0 = x.mapv(f64::cos);");
            scope.lengths.push("z0".into());
        }
        let statements = 2 + self.random.below(4);
        for k in 0..statements {
            self.statement(&mut scope, 1, 2, false);
            if k == 1 && self.random.below(4) == 0 {
                let (test, value) = (self.condition(&scope), self.scalar(&scope, 2));
                self.line(1, &format!("if {test} {{"));
                self.line(2, &format!("return ({value}).sin();"));
                self.line(1, "}");
            }
        }
        let all: Vec<String> =
            scope.scalars.iter().cloned().chain(scope.vectors.iter().chain(&scope.lengths).map(|v| format!("{v}.sum()"))).collect();
        self.line(1, &all.join(" + "));
        self.line(0, "}\n");
    }
}

fn main() {
    println!("cargo:rerun-if-env-changed=RANDOM_PROGRAMS");
    println!("cargo:rerun-if-env-changed=MUTANTS");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    let wanted = |name: &str| {
        let text = env::var(name).ok()?;
        let (seed, count) = text.split_once(',')?;
        Some((seed.parse().ok()?, count.parse().ok()?))
    };
    let (seed, count) = wanted("RANDOM_PROGRAMS").unwrap_or(STANDARD);
    let mut writer = Writer { random: Random(seed), text: String::new(), names: 0 };
    for _ in 0..8 {
        writer.random.below(2);
    }
    for number in 0..count {
        writer.function(number);
        let _ = writeln!(writer.text, "#[test]\nfn program_{number}_is_right() {{\n    check!(program_{number});\n}}\n");
    }
    let Ok(out) = env::var("OUT_DIR") else { return };
    let (seed, count) = wanted("MUTANTS").unwrap_or((1, 40));
    let mutants = mutants::text(&mut Random(seed * 7919), count) + &mutants::singles();
    for (file, text) in [("random_programs.rs", writer.text), ("spellings.rs", spellings::text()), ("mutants.rs", mutants)] {
        if let Err(error) = fs::write(Path::new(&out).join(file), text) {
            println!("cargo:warning={file} is not written: {error}");
        }
    }
}

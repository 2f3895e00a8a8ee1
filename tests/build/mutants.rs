//! Writes functions whose statements are dropped, doubled, swapped and replaced at random, among them many that the compiler
//! does not know, for `tests/mutants.rs`. What is refused is left out here; the rest must be right.
//!
//! `MUTANTS=seed,count` gives others and more: `MUTANTS=7,300 cargo test -p autodiff-tests --test mutants`.

use std::fmt::Write as _;
use std::panic::catch_unwind;

use proc_macro2::TokenStream;

use crate::Random;

/// Statements that change `h` (3×3), `u` (3) or `s`, each of which is Rust whatever is around it. `M`, `V` and `S` stand for
/// expressions, `H` for a 3×3 array and `K` for an index.
const STATEMENTS: &[&str] = &[
    // understood
    "h = M;",
    "u = V;",
    "s = S;",
    "let t = M; h += &t;",
    "let t = M; h -= &t;",
    "let t = S; h *= t;",
    "let t = V; u += &t;",
    "let t = V; u *= &t;",
    "s += S;",
    "s *= S;",
    "let t = S; h[[K, K]] = t;",
    "let t = S; h[[K, K]] += t;",
    "let t = S; u[K] = t;",
    "let t = S; u[K] *= t;",
    "let t = V; h.row_mut(K).assign(&t);",
    "let t = S; h.column_mut(K).fill(t);",
    "h.slice_mut(s![1.., ..]).mapv_inplace(f64::sin);",
    "let t = V; h.slice_mut(s![..;-1, K]).assign(&t);",
    "let t = V; h.diag_mut().assign(&t);",
    "h.mapv_inplace(|t| t.sin() * 0.9);",
    "h.map_inplace(|t| *t *= 0.5);",
    "let t = M; h.zip_mut_with(&t, |a, &b| *a = 0.5 * *a + b);",
    "let (c, t) = (S, V); u.scaled_add(c, &t);",
    "let t = S; h.fill(t);",
    "let t = M; h.assign(&t);",
    "u.swap(0, K);",
    "h.swap_axes(0, 1);",
    "(s, u) = (u.sum(), V);",
    "std::mem::swap(&mut h, &mut g);",
    "let h2 = &h * 0.5; h = h2;",
    "let t = V; let mut row = h.row_mut(K); row += &t; row *= 0.5;",
    "if flag { h *= 0.5; } else { u += 0.1; }",
    "if s > 0.1 { s = S; }",
    "if u[K] > 0.2 { let t = M; h += &t; } else { s -= 0.3; }",
    "for i in 0..n { s += u[i % 3] * 0.3; }",
    "for i in 0..3 { let t = S; u[i] += h[[i, K]] * t; }",
    "for row in g.outer_iter() { u += &(&row * 0.2); }",
    "for (i, t) in x.iter().enumerate() { s += t * 0.1 * i as f64; }",
    "match n % 3 { 0 => s += 0.2, 1 => h *= 0.7, _ => u = V }",
    "while s > 3.0 { s *= 0.5; }",
    "s = { let s = S; s * 0.5 };",
    "{ let u = V; s += u.sum(); }",
    "{ let s = 0.5; h *= s; }",
    "let s2 = s; s = S; s += s2;",
    "let f = |t: f64| t * 0.3 + 0.1; s = f(s);",
    // hardly, or not
    "h.iter_mut().for_each(|t| *t *= 1.1);",
    "for t in h.iter_mut() { *t += 0.1; }",
    "for t in u.iter_mut() { *t = t.sin(); }",
    "h.iter_mut().zip(x.iter()).for_each(|(a, b)| *a += b * 0.2);",
    "h.indexed_iter_mut().for_each(|((i, j), t)| *t += (i * j) as f64 * 0.1);",
    "for (i, mut row) in h.outer_iter_mut().enumerate() { row[0] = i as f64 * 0.2; }",
    "for mut row in h.rows_mut() { row *= 0.9; }",
    "h.axis_iter_mut(Axis(1)).for_each(|mut c| c.fill(0.3));",
    "h.accumulate_axis_inplace(Axis(0), |&a, b| *b += 0.5 * a);",
    "h.invert_axis(Axis(0));",
    "h.swap([0, 1], [K, 0]);",
    "h.as_slice_mut().unwrap()[K] = 0.4;",
    "if let Some(t) = h.get_mut((0, K)) { *t = 0.2; }",
    "if let Some(t) = u.first_mut() { *t += 0.2; }",
    "*u.last_mut().unwrap() *= 0.5;",
    "u.as_slice_mut().unwrap().reverse();",
    "u.as_slice_mut().unwrap().rotate_left(1);",
    "h.as_slice_mut().unwrap().fill(0.2);",
    "ndarray::Zip::from(&mut h).and(x).for_each(|a, &b| *a = *a * 0.5 + b);",
    "ndarray::azip!((a in &mut u) *a += 0.25);",
    "let r = &mut h; *r *= 0.5;",
    "let r = &mut s; *r += 0.4;",
    "let r = &mut u; r[0] = 0.7;",
    "{ let r = &mut u; r.mapv_inplace(|t| t + 0.1); }",
    "bump(&mut h);",
    "bump_scalar(&mut s);",
    "h = bumped(h);",
    "let h3 = bumped(h.clone()); h += &h3;",
    "s = scalar_of(&h);",
    "s += scalar_of(&x.to_owned());",
    "bump_macro!(s);",
    "let mut add = |t: f64| s += t; add(0.5);",
    "let mut change = || u *= 0.5; change();",
    "(0..3).for_each(|i| u[i] += 0.1);",
    "s = (0..3).map(|i| u[i]).sum();",
    "s += u.iter().map(|t| t * t).sum::<f64>();",
    "s = u.iter().fold(s, |a, t| a + t * 0.5);",
    "s = u.fold(0.0, |a, t| a + t * t);",
    "s += u.iter().cloned().filter(|t| *t > 0.0).sum::<f64>();",
    "u = u.iter().map(|t| t.sin()).collect();",
    "u = Array1::from_iter(h.diag().iter().map(|t| t * 0.5));",
    "u = h.map_axis(Axis(1), |row| row.sum());",
    "u = h.fold_axis(Axis(0), 0.0, |a, t| a + t);",
    "h = Array2::from_shape_fn((3, 3), |(i, j)| u[i] * u[j]);",
    "u = Array1::from_shape_fn(3, |i| h[[i, K]] * 0.5);",
    "u = u.slice(s![..;-1]).to_owned();",
    "h = std::mem::take(&mut g); g = x.to_owned();",
    "g = std::mem::replace(&mut h, w * 0.5);",
    "u = std::iter::repeat_n(s, 3).collect();",
    "s = s.max(0.1); s = s.min(2.0);",
    "s = s.clamp(-1.0, 1.0) + s.powi(2);",
    "s = if s.is_nan() { 0.0 } else { s };",
    "let (a, b) = (u[0], u[1]); s += a * b;",
    "let [a, b, c] = [u[0], u[1], u[2]]; s += a * b + c;",
    "let t = (s, u[0]); s = t.0 * t.1;",
    "let parts = vec![u[0], s]; s = parts[1] - parts[0];",
    "let mut list = vec![s]; list.push(u[K]); s = list.iter().sum();",
    "let mut count = 0; for i in 0..n { count += i; } s *= 1.0 + 0.01 * count as f64;",
    "let mut count = 0.0; while count < 2.0 { count += 1.0; s += 0.1 * count; }",
    "loop { s *= 0.5; if s < 1.0 { break; } }",
    "for i in 0..n { if i == 1 { continue; } s += 0.2 * u[i % 3]; if s > 4.0 { break; } }",
    "'outer: for i in 0..3 { for j in 0..3 { if i == j { continue 'outer; } s += 0.1 * h[[i, j]]; } }",
    "let last = loop { s += 0.3; if s > 1.0 { break s; } }; s = last * 0.5;",
    "unsafe { *h.uget_mut((0, 0)) = 0.3; }",
    "h.row_mut(0).swap(0, K);",
    "let (mut top, _) = h.view_mut().split_at(Axis(0), 1); top.fill(0.1);",
    "h.select(Axis(0), &[0, 1]).fill(0.0);",
    "u.to_vec().sort_by(|a, b| a.total_cmp(b));",
    "s = u.as_slice().unwrap()[K];",
    "h.par_mapv_like(K);",
    "assert!(s.is_finite());",
    "debug_assert_eq!(u.len(), 3);",
    "if s > 1e9 { panic!(\"large\"); }",
    "let _ = h.slice_mut(s![0, ..]).mapv_inplace(|t| t * 0.5);",
    "let _unused = &h * 2.0;",
    "drop(u.clone());",
];

const MATRICES: &[&str] = &[
    "(x * 0.7)",
    "(&h * w)",
    "x.dot(w)",
    "h.dot(x)",
    "h.t().to_owned()",
    "(&h + &g)",
    "(x - w)",
    "h.mapv(f64::sin)",
    "(&h * 0.5 + x)",
    "(&g * &h)",
    "h.dot(&g.t())",
    "(w * &u)",
    "(&h / (w * w + 1.5))",
];
const VECTORS: &[&str] = &[
    "(&u * 0.6)",
    "h.dot(&u)",
    "h.row(K).to_owned()",
    "h.column(K).to_owned()",
    "(&u + &x.row(K))",
    "u.mapv(f64::tanh)",
    "h.diag().to_owned()",
    "h.sum_axis(Axis(0))",
    "h.mean_axis(Axis(1)).unwrap()",
    "(&u * s)",
];
const SCALARS: &[&str] = &[
    "0.4",
    "(s * 0.5)",
    "u.sum()",
    "h[[K, K]]",
    "u[K]",
    "u.dot(&h.row(K))",
    "s.sin()",
    "(s * s + 0.3).ln()",
    "h.sum()",
    "(a + s).tanh()",
    "h.mean().unwrap()",
];

/// Names that stand for each other.
const ALIKE: &[&[&str]] = &[
    &["sin", "cos", "tanh", "atan", "exp"],
    &["row", "column"],
    &["x", "w"],
    &["sum", "product"],
    &["sum_axis", "product_axis"],
    &["row_mut", "column_mut"],
];

fn filled(text: &str, random: &mut Random) -> String {
    let mut out = String::new();
    let letters: Vec<char> = text.chars().collect();
    for (i, c) in letters.iter().enumerate() {
        let alone = |k: Option<&char>| k.is_none_or(|c| !c.is_alphanumeric() && *c != '_' && *c != '!' && *c != ':');
        let before = i.checked_sub(1).and_then(|k| letters.get(k));
        if !alone(before) || !alone(letters.get(i + 1)) {
            out.push(*c);
            continue;
        }
        match c {
            'M' => out += &filled(random.one_of(MATRICES), random),
            'V' => out += &filled(random.one_of(VECTORS), random),
            'S' => out += &filled(random.one_of(SCALARS), random),
            'K' => out += &random.below(3).to_string(),
            _ => out.push(*c),
        }
    }
    out
}

/// One word or operator replaced by one of its kind.
fn replaced(text: &str, random: &mut Random) -> String {
    let mut words: Vec<String> = vec![String::new()];
    for c in text.chars() {
        let word = c.is_alphanumeric() || c == '_';
        let last = words.last().is_some_and(|w| w.chars().last().is_some_and(|l| (l.is_alphanumeric() || l == '_') == word));
        match words.last_mut() {
            Some(w) if last && word => w.push(c),
            _ => words.push(c.to_string()),
        }
    }
    let places: Vec<usize> = (0..words.len()).filter(|i| ALIKE.iter().any(|k| k.contains(&words[*i].as_str()))).collect();
    // Only operators between spaces: others are references, closures and compound assignments.
    let signs: Vec<usize> = (1..words.len().saturating_sub(1))
        .filter(|i| matches!(words[*i].as_str(), "+" | "-" | "*") && words[*i - 1] == " " && words[*i + 1] == " ")
        .collect();
    if !signs.is_empty() && (places.is_empty() || random.below(2) == 0) {
        let at = random.one_of(&signs);
        words[at] = random.one_of(&["+", "-", "*"]).to_string();
    } else if !places.is_empty() {
        let at = random.one_of(&places);
        if let Some(kind) = ALIKE.iter().find(|k| k.contains(&words[at].as_str())) {
            words[at] = random.one_of(kind).to_string();
        }
    }
    words.concat()
}

/// Whether the compiler takes a function, and what it says if not.
fn refusal(source: &str) -> Option<String> {
    let tokens: TokenStream = source.parse().ok()?;
    let arguments: TokenStream = "wrt(x, w, b, a)".parse().ok()?;
    let output = catch_unwind(|| autodiff_compiler::differentiate(arguments, tokens).to_string()).unwrap_or("compile_error".into());
    output.contains("compile_error").then(|| {
        let message = output.split("compile_error").nth(1).and_then(|t| t.split('"').nth(1)).unwrap_or_default();
        message.to_string()
    })
}

/// The file that the test includes.
pub(crate) fn text(random: &mut Random, wanted: usize) -> String {
    let mut text = String::new();
    let (mut taken, mut refused) = (0, Vec::new());
    // As many again may be refused.
    for _ in 0..12 * wanted {
        if taken == wanted {
            break;
        }
        let mut statements: Vec<String> = (0..2 + random.below(4)).map(|_| filled(random.one_of(STATEMENTS), random)).collect();
        for _ in 0..random.below(3) {
            let at = random.below(statements.len());
            match random.below(4) {
                0 if statements.len() > 1 => {
                    statements.remove(at);
                }
                1 => statements.insert(at, statements[at].clone()),
                2 => {
                    let other = random.below(statements.len());
                    statements.swap(at, other);
                }
                _ => statements[at] = replaced(&statements[at], random),
            }
        }
        let source = format!(
            "fn mutant_{taken}(x: &Array2<f64>, w: &Array2<f64>, b: &Array1<f64>, a: f64, n: usize, flag: bool) -> f64 {{\n    \
             let mut h = x * 0.8;\n    let mut g = w.dot(x);\n    let mut u = b.to_owned();\n    let mut s = a * 0.7;\n    {}\n    \
             h.mapv(f64::sin).sum() + g.mapv(f64::sin).sum() + u.mapv(f64::sin).sum() + s.sin()\n}}\n",
            statements.join("\n    ")
        );
        match refusal(&source) {
            Some(message) => refused.push((statements.join(" "), message)),
            None => {
                let _ = writeln!(
                    text,
                    "#[differentiate(wrt(x, w, b, a))]\n{source}\n#[test]\nfn mutant_{taken}_is_right() {{\n    check!(mutant_{taken});\n}}\n"
                );
                taken += 1;
            }
        }
    }
    let _ = writeln!(text, "const TAKEN: usize = {taken};\nconst REFUSED: &[(&str, &str)] = &{refused:?};");
    text
}

/// Which single statements are refused.
pub(crate) fn singles() -> String {
    let mut text = String::from("const STATEMENTS: &[(&str, &str)] = &[\n");
    let mut random = Random(3);
    for statement in STATEMENTS {
        let filled = filled(statement, &mut random);
        let source = format!(
            "fn one(x: &Array2<f64>, w: &Array2<f64>, b: &Array1<f64>, a: f64, n: usize, flag: bool) -> f64 {{ let mut h = x * 0.8; \
             let mut g = w.dot(x); let mut u = b.to_owned(); let mut s = a * 0.7; {filled} h.sum() + g.sum() + u.sum() + s }}"
        );
        let _ = writeln!(text, "    ({statement:?}, {:?}),", refusal(&source).unwrap_or_default());
    }
    text + "];\n"
}

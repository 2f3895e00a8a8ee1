//! Prints the operations that are understood as Markdown: a row for each family, or with `--full` a row for each
//! operation with its meaning and the source of its rule.

use autodiff_compiler::ops;

fn main() {
    match std::env::args().nth(1).as_deref() {
        None => print!("{}", ops::overview()),
        Some("--full") => print!("{}", ops::documentation()),
        Some(other) => {
            eprintln!("error: unknown argument `{other}`; it takes `--full` or nothing");
            std::process::exit(2);
        }
    }
}

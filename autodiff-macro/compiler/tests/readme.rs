//! The documents tell the truth: the README's example is the quickstart, the tables are the registry's.
//!
//! `UPDATE_README=1 cargo test -p autodiff-compiler --test readme` writes the tables anew.

use std::fs;
use std::path::{Path, PathBuf};

use autodiff_compiler::ops;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}")).replace("\r\n", "\n")
}

/// The table between the markers of a document is `table`; or is made so if the environment asks for it.
fn holds(path: &str, table: &str) {
    let text = read(path);
    let (start, end) = ("<!-- operations -->\n", "<!-- /operations -->");
    let (before, rest) = text.split_once(start).expect("the start of the table");
    let (old, after) = rest.split_once(end).expect("the end of the table");
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(root().join(path), format!("{before}{start}{table}{end}{after}")).expect("a document that can be written");
    } else {
        let (old, new) = (old.lines(), table.lines());
        for (old, new) in old.clone().zip(new.clone()) {
            assert_eq!(old, new, "{path}: run `UPDATE_README=1 cargo test -p autodiff-compiler --test readme`");
        }
        assert_eq!(old.count(), new.count(), "{path}: run `UPDATE_README=1 cargo test -p autodiff-compiler --test readme`");
    }
}

#[test]
fn tables_are_those_of_the_registry() {
    holds("README.md", &ops::overview());
    holds("docs/OPERATIONS.md", &ops::documentation());
}

#[test]
fn example_is_the_quickstart() {
    let text = read("README.md");
    let block = text.split("<!-- quickstart -->\n```rust\n").nth(1).and_then(|t| t.split("```").next());
    let source = read("examples/src/bin/quickstart.rs");
    assert_eq!(block, Some(source.as_str()), "copy examples/src/bin/quickstart.rs into README.md");
}

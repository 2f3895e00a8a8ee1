//! The README tells the truth: its example is the quickstart, its table is the registry's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("README.md")
}

#[test]
fn example_is_the_quickstart() {
    let source = fs::read_to_string(root().join("examples/src/bin/quickstart.rs")).expect("the quickstart");
    let text = readme();
    let block = text.split("<!-- quickstart -->\n```rust\n").nth(1).and_then(|t| t.split("```").next()).expect("the block");
    assert_eq!(block, source, "copy examples/src/bin/quickstart.rs into README.md");
}

#[test]
fn table_is_the_registry() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_string());
    let run = Command::new(cargo)
        .args(["run", "--quiet", "-p", "autodiff-compiler", "--example", "operations"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let table = String::from_utf8(run.stdout).expect("text");
    let text = readme();
    let (start, end) = ("<!-- operations -->\n", "<!-- /operations -->");
    let (before, rest) = text.split_once(start).expect("the start of the table");
    let (old, after) = rest.split_once(end).expect("the end of the table");
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(root().join("README.md"), format!("{before}{start}{table}{end}{after}")).expect("README.md is writable");
    } else {
        assert_eq!(old, table, "run `UPDATE_README=1 cargo test -p autodiff-tests --test readme`");
    }
}

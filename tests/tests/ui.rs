//! The messages of `#[differentiate]`: each underlines the expression it is about and says what to write instead.
//!
//! `TRYBUILD=overwrite cargo test -p autodiff-tests --test ui` writes the expected output anew.

#[test]
fn messages() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/*.rs");
}

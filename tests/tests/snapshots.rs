//! The generated code of six functions, as a reader of `cargo expand` sees it.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p autodiff-tests --test snapshots` writes `snapshots/*.expanded.rs` anew.

use std::fs;
use std::path::Path;

use quote::{ToTokens, quote};
use syn::{File, Item, Meta};

/// The items that the attribute on `function` makes, without the function itself.
fn companion(mut function: syn::ItemFn) -> String {
    let attribute = function.attrs.iter().position(|a| a.path().is_ident("differentiate")).expect("the attribute");
    let arguments = match function.attrs.remove(attribute).meta {
        Meta::List(list) => list.tokens,
        _ => quote!(),
    };
    let expanded = autodiff_compiler::differentiate(arguments, function.to_token_stream());
    let mut file: File = syn::parse2(expanded).expect("items");
    file.items.retain(|item| !matches!(item, Item::Fn(_)));
    // The graph's text says nothing that the code does not.
    for item in &mut file.items {
        if let Item::Impl(block) = item {
            block.items.retain(|item| !matches!(item, syn::ImplItem::Const(constant) if constant.ident == "GRAPH"));
        }
    }
    prettyplease::unparse(&file)
}

#[test]
fn generated_code_is_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots");
    let source = fs::read_to_string(folder.join("functions.rs")).expect("the functions");
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    let mut different = Vec::new();
    for item in syn::parse_file(&source).expect("the functions").items {
        let Item::Fn(function) = item else { continue };
        let name = function.sig.ident.to_string();
        let text = companion(function);
        let path = folder.join(format!("{name}.expanded.rs"));
        if update {
            fs::write(&path, text).expect("a file");
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            different.push(name);
        }
    }
    assert!(different.is_empty(), "generated code changed for {different:?}: look at it with UPDATE_SNAPSHOTS=1 and `git diff`");
}

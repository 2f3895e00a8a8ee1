//! Prints what `#[differentiate]` makes of the functions and modules in a file:
//! `cargo run -p autodiff-compiler --example expand -- file.rs`.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, Item};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("the path of a Rust file is wanted")?;
    let file: syn::File = syn::parse_file(&std::fs::read_to_string(path)?)?;
    for mut item in file.items {
        let attributes = match &mut item {
            Item::Fn(function) => &mut function.attrs,
            Item::Mod(module) => &mut module.attrs,
            _ => continue,
        };
        let Some(arguments) = arguments(attributes) else { continue };
        let expanded = autodiff_compiler::differentiate(arguments, item.to_token_stream());
        match syn::parse2::<syn::File>(expanded.clone()) {
            Ok(file) => println!("{}", prettyplease::unparse(&file)),
            Err(error) => println!("{error}\n{expanded}"),
        }
    }
    Ok(())
}

/// Takes the attribute out and gives its arguments.
fn arguments(attributes: &mut Vec<Attribute>) -> Option<TokenStream> {
    let at = attributes.iter().position(|a| a.path().is_ident("differentiate"))?;
    match attributes.remove(at).meta {
        syn::Meta::List(list) => Some(list.tokens),
        _ => Some(TokenStream::new()),
    }
}

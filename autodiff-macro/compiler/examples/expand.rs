//! Prints what `#[differentiate]` makes of the functions in a file: `cargo run -p autodiff-compiler --example expand -- file.rs`.

use proc_macro2::TokenStream;
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let src = std::fs::read_to_string(path).unwrap();
    let file: syn::File = syn::parse_file(&src).unwrap();
    for item in file.items {
        if let syn::Item::Fn(mut f) = item {
            let mut args = TokenStream::new();
            f.attrs.retain(|a| {
                if a.path().is_ident("differentiate") {
                    if let syn::Meta::List(l) = &a.meta {
                        args = l.tokens.clone();
                    }
                    false
                } else {
                    true
                }
            });
            let out = autodiff_compiler::differentiate(args, quote::quote!(#f));
            match syn::parse2::<syn::File>(out.clone()) {
                Ok(f) => println!("{}", prettyplease::unparse(&f)),
                Err(e) => println!("{e}\n{out}"),
            }
        }
    }
}

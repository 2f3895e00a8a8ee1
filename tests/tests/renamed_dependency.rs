//! Generated code under a renamed runtime, forbidden unsafe code and denied warnings: `crates/renamed` must compile.

use std::path::Path;
use std::process::Command;

#[test]
fn compiles_without_a_warning() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/renamed/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("renamed");
    // A copy outside the source tree, so that the lock file is not written into it; the workspace's lock file has all
    // that is needed.
    let folder = target.join("crate");
    std::fs::create_dir_all(folder.join("src")).expect("a folder");
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../autodiff-runtime");
    let text = std::fs::read_to_string(&manifest).expect("the manifest");
    let text = text.replace("../../../autodiff-runtime", &runtime.display().to_string().replace('\\', "/"));
    std::fs::write(folder.join("Cargo.toml"), text).expect("a manifest");
    let source = manifest.with_file_name("src").join("lib.rs");
    std::fs::copy(source, folder.join("src/lib.rs")).expect("the source");
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    if !folder.join("Cargo.lock").exists() && lock.exists() {
        std::fs::copy(lock, folder.join("Cargo.lock")).expect("the lock file");
    }
    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--quiet", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

//! The public surface of the crate with all features is the one in docs/public_api.txt.

use std::path::Path;
use std::process::Command;

const REWRITE: &str = "LOWBIT_BLESS=1 cargo test --release --all-features --test public_api -- --ignored";

/// Needs rustc 1.95, whose JSON the crate public-api reads, so `./test host` runs it as its own step.
#[test]
#[ignore = "builds the documentation; ./test host runs it"]
fn the_public_surface_is_the_one_that_is_kept() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cargo = std::env::var("CARGO").unwrap_or("cargo".into());
    let rustdoc = Command::new(cargo)
        // In release, as ./test documents and lints: what those compiled is used again.
        .args([
            "rustdoc",
            "--release",
            "--lib",
            "--all-features",
            "--",
            "-Z",
            "unstable-options",
            "--output-format",
            "json",
        ])
        // RUSTC_BOOTSTRAP for all of cargo would rerun build scripts and rebuild half of the tree.
        .env("RUSTDOC", root.join("scripts/rustdoc_unstable"))
        .current_dir(root)
        .status();
    assert!(rustdoc.expect("cargo runs").success());
    let target = std::env::var("CARGO_TARGET_DIR").map_or(root.join("target"), |dir| root.join(dir));
    let api = public_api::Builder::from_rustdoc_json(target.join("doc/lowbit.json"))
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .expect("rustc 1.95 writes the JSON that this version of public-api reads");
    let now: String = api.items().map(|item| format!("{item}\n")).collect();
    let path = root.join("docs/public_api.txt");
    if std::env::var_os("LOWBIT_BLESS").is_some() {
        std::fs::write(&path, now).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    let only = |a: &str, b: &str, sign: char| -> String {
        let lines: std::collections::HashSet<&str> = b.lines().collect();
        let missing = a.lines().filter(|line| !lines.contains(line));
        missing.map(|line| format!("{sign} {line}\n")).collect()
    };
    let difference = only(&kept, &now, '-') + &only(&now, &kept, '+');
    assert!(
        kept == now,
        "the public surface has changed:\n{difference}If that is meant: {REWRITE}"
    );
}

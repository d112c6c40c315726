//! Runs an example as a user does.

use std::path::PathBuf;
use std::process::{Command, Output};

/// A folder that is deleted with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let name = format!("lowbit-tools-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }

    pub fn at(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The command line of an example, without an adapter on any machine.
pub fn command(example: &str, args: &[&str]) -> Command {
    // `./test` names its flags: with others cargo would compile the crate once more.
    let release = cfg!(not(debug_assertions)).then_some("--release");
    let flags = std::env::var("LOWBIT_BUILD").unwrap_or_else(|_| release.unwrap_or_default().into());
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "--quiet", "--example", example])
        .args(flags.split_whitespace())
        .arg("--")
        .args(args)
        .env("WGPU_BACKEND", "noop")
        .env("WGPU_ADAPTER_NAME", "");
    command
}

pub fn output(example: &str, args: &[&str]) -> Output {
    command(example, args).output().unwrap()
}

/// The output of an example, or the error that it ends with.
pub fn run(example: &str, args: &[&str]) -> Result<String, String> {
    let done = output(example, args);
    if !done.status.success() {
        return Err(String::from_utf8(done.stderr).unwrap());
    }
    Ok(String::from_utf8(done.stdout).unwrap())
}

/// The notes that an example prints next to its output.
pub fn notes(example: &str, args: &[&str]) -> String {
    let done = output(example, args);
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{said}");
    said
}

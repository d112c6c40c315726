//! Tint, Chromium's shader compiler. Its rules on uniform control flow are stricter than naga's.

use std::io::ErrorKind;
use std::process::{Command, Stdio};

/// Whether it is on the PATH. If it is not, that is printed.
pub fn is_here() -> bool {
    match Command::new("tint").arg("--help").output() {
        Ok(_) => true,
        Err(e) if e.kind() == ErrorKind::NotFound => {
            println!("NOT RUN: `tint` is not on the PATH");
            false
        }
        Err(e) => panic!("tint: {e}"),
    }
}

/// Parses and validates in a process of its own, since it takes one file at a time.
pub fn lint(name: &str, text: &str) -> Result<(), String> {
    let (process, thread) = (std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(format!("lowbit-{process}-{thread:?}.wgsl"));
    std::fs::write(&path, text).unwrap();
    // Some builds support no other format.
    let output = Command::new("tint")
        .args(["--format", "wgsl"])
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    if !output.status.success() {
        return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(())
}

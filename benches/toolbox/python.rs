//! Python's side: scripts of benches/peers/python, which print seconds for each, or for the whole.

use std::process::Command;

/// One turn of a script, which does so many.
pub(crate) fn run(script: &str, many: u32) -> Result<f64, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/python");
    let output = Command::new("python3")
        .arg(format!("{folder}/{script}.py"))
        .arg(many.to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .map_err(|error| format!("no python3: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.trim().parse().map_err(|_| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("{script}.py: {}", errors.lines().last().unwrap_or("it printed no number"))
    })
}

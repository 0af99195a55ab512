//! The server program of an earlier commit, to run beside the one of this.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::server::workspace;

/// The server of `SENDSTORES_PREVIOUS_REF`; without that, of the newest commit before the last change of `server/`. It is
/// built in `.dev/previous`, which takes minutes the first time, and kept there by its commit. An error says why there is none.
pub fn previous_server() -> Result<PathBuf, String> {
    let commit = previous_commit()?;
    let folder = workspace().join(".dev/previous");
    let program = folder.join(&commit).join("sendstores-server");
    if !program.is_file() {
        build(&commit, &folder, &program)?;
    }
    eprintln!("the previous server is of commit {commit}");
    Ok(program)
}

fn previous_commit() -> Result<String, String> {
    let wanted = match env::var("SENDSTORES_PREVIOUS_REF") {
        Ok(reference) => reference,
        Err(_) => match git(&["rev-list", "-1", "HEAD", "--", "server"])?.as_str() {
            "" => return Err("no commit of the history changed server/".to_owned()),
            changed => format!("{changed}^"),
        },
    };
    git(&["rev-parse", "--verify", "--quiet", &format!("{wanted}^{{commit}}")])
        .map_err(|_| format!("the history has no commit {wanted}"))
}

fn git(args: &[&str]) -> Result<String, String> {
    let output = Command::new("git").arg("-C").arg(workspace()).args(args).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("git: {error}"))?;
    if !output.status.success() {
        return Err(format!("git {args:?}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Builds from a copy of the commit, in a target folder of its own: that of the workspace is in use by this test.
fn build(commit: &str, folder: &Path, program: &Path) -> Result<(), String> {
    let said = |what: &str| format!("the server of commit {commit} cannot be built: {what}");
    let io = |error: std::io::Error| said(&error.to_string());
    fs::create_dir_all(program.parent().unwrap_or(folder)).map_err(io)?;
    let source = tempfile::Builder::new().prefix("source-").tempdir_in(folder).map_err(io)?;
    let archive = source.path().join("source.tar");
    let name = archive.to_str().ok_or_else(|| said("its path is no text"))?;
    git(&["archive", "--output", name, commit])?;
    run(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(source.path())).map_err(|why| said(&why))?;
    let target = folder.join("target");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--locked", "--package", "sendstores-server", "--bins"]);
    cargo.current_dir(source.path()).env("CARGO_TARGET_DIR", &target);
    run(&mut cargo).map_err(|why| said(&why))?;
    // Its place is taken in one step, so that a program which is there is whole.
    let copy = source.path().join("sendstores-server");
    fs::copy(target.join("debug/sendstores-server"), &copy).map_err(io)?;
    fs::rename(&copy, program).map_err(io)
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).status().map_err(|error| format!("{name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name}: {status}")) }
}

//! Commands that the server advises, as an operator pastes them.

use std::process::{Command, Output, Stdio};

use crate::cluster::Cluster;

/// The programs that advice names.
const PROGRAMS: [&str; 2] = ["kubectl ", "helm "];

/// The command in a suggestion: from the name of its program to the end. `None`: it advises something else.
pub fn command(suggestion: &str) -> Option<&str> {
    let (_, command) = suggestion.rsplit_once(": ")?;
    PROGRAMS.iter().any(|program| command.starts_with(program)).then_some(command)
}

/// Runs a command in a shell, against this cluster. An editor that it opens changes nothing.
pub fn paste(cluster: &Cluster, command: &str) -> Output {
    let programs = cluster.program("kubectl").parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null());
    shell.env("PATH", format!("{programs}:{path}")).env("KUBECONFIG", &cluster.kubeconfig).env("KUBE_EDITOR", "true");
    shell.output().expect("run a shell")
}

/// Runs the command in a suggestion, and fails if it does not work.
pub fn follow(cluster: &Cluster, suggestion: &str) {
    let command = command(suggestion).unwrap_or_else(|| panic!("no command in {suggestion:?}"));
    let output = paste(cluster, command);
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

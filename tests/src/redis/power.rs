//! A Redis whose power can be cut: what was not synced may be gone.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rand::{RngExt, rngs::StdRng};
use tempfile::TempDir;

use super::RedisServer;
use crate::wait::until;

/// Notes what a server has synced.
pub(super) struct Recorder(TempDir);

/// What a power loss took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loss {
    /// Bytes that were written and not yet synced.
    pub unsynced: u64,
    /// How many of them are gone.
    pub gone: u64,
}

// === impl Recorder ===

impl Recorder {
    fn new() -> Self {
        let recorder = Self(tempfile::tempdir().expect("a directory for the notes"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/redis/synced.c");
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(recorder.library()).arg(source).arg("-ldl");
        let status = command.status().expect("cc (Debian package gcc)");
        assert!(status.success(), "cc: {status}");
        recorder
    }

    fn library(&self) -> PathBuf {
        self.0.path().join("synced.so")
    }

    fn notes(&self) -> PathBuf {
        self.0.path().join("synced")
    }

    /// What the server is started with.
    pub(super) fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [("LD_PRELOAD", self.library()), ("SENDSTORES_SYNCED", self.notes()), ("SENDSTORES_HELD", self.held())]
    }

    fn held(&self) -> PathBuf {
        self.0.path().join("held")
    }

    /// What a power loss has left is on the disk.
    fn note(&self, path: &Path, length: u64) {
        let notes = fs::File::options().append(true).create(true).open(self.notes());
        notes.and_then(|mut notes| writeln!(notes, "{length} {}", path.display())).expect("a note");
    }

    /// How long each file was when it was last synced.
    fn synced(&self) -> HashMap<PathBuf, u64> {
        let notes = fs::read_to_string(self.notes()).unwrap_or_default();
        let note = |line: &str| {
            let (length, path) = line.split_once(' ')?;
            // A file that is renamed when it is complete was synced under its first name.
            Some((PathBuf::from(path), length.parse().ok()?))
        };
        notes.lines().filter_map(note).collect()
    }
}

// === impl RedisServer ===

impl RedisServer {
    /// Starts one whose power can be cut.
    pub async fn start_recorded(settings: &[(&str, &str)]) -> Self {
        Self::launched(settings, Some(Recorder::new())).await
    }

    /// Syncs nothing from now on, until [`RedisServer::sync_again`].
    pub fn hold_syncs(&self) {
        fs::write(self.recorder.as_ref().expect("started with a recorder").held(), "").expect("a file");
    }

    pub fn sync_again(&self) {
        fs::remove_file(self.recorder.as_ref().expect("started with a recorder").held()).expect("a file");
    }

    /// How much of its log is written, synced or not.
    pub fn written(&self) -> u64 {
        self.growing().iter().map(|file| fs::metadata(file).expect("its length").len()).sum()
    }

    /// The files that grow. A snapshot and the manifest are synced before they get their names.
    fn growing(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.data().join("appendonlydir")).expect("the files of the log");
        let paths = files.map(|file| file.expect("a file").path());
        paths.filter(|path| path.to_string_lossy().ends_with(".incr.aof")).collect()
    }

    /// Cuts the power and starts it again. Of what was not synced some is there, from the front: the disk may have come to it.
    pub async fn lose_power(&mut self, random: &mut StdRng) -> Loss {
        let loss =
            self.cut(|safe, length| if random.random_bool(0.5) { safe } else { random.random_range(safe..=length) });
        // One of the two that docs/operations.md wants.
        if random.random_bool(0.5) {
            self.restart().await;
        } else {
            assert!(self.restart_with("aof-load-truncated", "yes").await, "redis-server does not start again");
            self.rewrite().await;
        }
        loss
    }

    /// Cuts the power and starts it again; nothing is there that was not synced.
    pub async fn lose_all_unsynced(&mut self) -> Loss {
        let loss = self.cut(|safe, _| safe);
        self.restart().await;
        loss
    }

    /// Ends it, and leaves of each file what `kept` says of what was synced and what was written.
    fn cut(&mut self, mut kept: impl FnMut(u64, u64) -> u64) -> Loss {
        self.kill9();
        let recorder = self.recorder.as_ref().expect("started with a recorder");
        let synced = recorder.synced();
        let mut loss = Loss::default();
        for path in self.growing() {
            let length = fs::metadata(&path).expect("its length").len();
            let safe = synced.get(&path).copied().unwrap_or_default().min(length);
            let kept = kept(safe, length);
            fs::File::options().write(true).open(&path).and_then(|file| file.set_len(kept)).expect("cut");
            recorder.note(&path, kept);
            loss.unsynced += length - safe;
            loss.gone += length - kept;
        }
        loss
    }

    /// Has the log written anew from memory.
    async fn rewrite(&self) {
        self.cli(["BGREWRITEAOF"]).await;
        until("the log to be rewritten", async || {
            let info = self.cli(["INFO", "persistence"]).await;
            let done = |field: &str| info.contains(&format!("{field}:0"));
            (done("aof_rewrite_in_progress") && done("aof_rewrite_scheduled")).then_some(())
        })
        .await;
    }

    /// Ends it within its last write: of the log's end, `cut` bytes are gone.
    pub fn tear(&mut self, cut: u64) {
        self.kill9();
        let files = self.growing();
        let [log] = files.as_slice() else { panic!("not one growing file: {files:?}") };
        let file = fs::File::options().write(true).open(log).expect("the log");
        let length = file.metadata().expect("its length").len();
        file.set_len(length - cut).expect("cut");
    }

    /// Takes a torn transaction off the end of the log.
    pub(super) fn mend(&self) {
        let manifest = self.data().join("appendonlydir/appendonly.aof.manifest");
        if !manifest.exists() {
            return;
        }
        let mut check = Command::new("redis-check-aof");
        check.arg("--fix").arg(manifest).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut check = check.spawn().expect("redis-check-aof (Debian package redis-tools)");
        // It asks before it cuts; a log that is whole it leaves, and the answer has no reader.
        let _ = check.stdin.take().expect("its input").write_all(b"y\n");
        let output = check.wait_with_output().expect("its end");
        assert!(output.status.success(), "redis-check-aof: {}", String::from_utf8_lossy(&output.stdout));
    }
}

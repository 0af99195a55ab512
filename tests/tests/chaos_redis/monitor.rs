//! What Redis was asked and did, in its order, as MONITOR tells it: a judge of fences that does not trust our scripts.

use std::{
    collections::{BTreeMap, HashMap},
    process::{Child, Command, Stdio},
};

use sendstores_tests::{redis::RedisServer, wait::until};
use tempfile::TempDir;

/// Listens to everything that a Redis does.
pub struct Monitor {
    listener: Child,
    folder: TempDir,
}

/// A claim as Redis has it.
#[derive(Clone, Debug, PartialEq)]
struct Held {
    fence: u64,
    owner: String,
}

/// What the monitor saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Writes under a fence that were executed.
    pub accepted: usize,
    /// Those whose fence was not that of the claim then.
    pub stale_accepted: Vec<String>,
    /// Writes that had no effect although their fence was once good.
    pub stale_refused: usize,
    /// Claims that changed their owner while they were held, by store: when, and whose they were before.
    pub takeovers: Vec<(f64, String, String)>,
    /// Claims that were given with a fence that is not higher than the one before.
    pub fences_reused: Vec<String>,
}

/// A write under a fence.
struct Fenced {
    id: String,
    attempt: String,
    fence: u64,
}

/// One line: when, who, and the words.
struct Line {
    time: f64,
    by_script: bool,
    words: Vec<String>,
}

// === impl Monitor ===

impl Monitor {
    pub async fn start(redis: &RedisServer) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = std::fs::File::create(folder.path().join("monitor")).expect("a file");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "redis-cli", "-p", &redis.port().to_string(), "MONITOR"]);
        let listener = command.stdin(Stdio::null()).stdout(file).spawn().expect("setpriv and redis-cli");
        let monitor = Self { listener, folder };
        until("the monitor to listen", async || (!monitor.text().is_empty()).then_some(())).await;
        monitor
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("monitor")).expect("what it heard")
    }

    /// Judges all that was seen so far.
    pub fn judge(&self) -> Seen {
        let (mut seen, mut claims, mut highest) = (Seen::default(), HashMap::new(), BTreeMap::new());
        let text = self.text();
        let mut lines = text.lines().filter_map(Line::read).peekable();
        while let Some(line) = lines.next() {
            if let Some(writes) = line.writes() {
                // What the script does stands behind it, until the next line that is no script's.
                let mut executed = Vec::new();
                while let Some(effect) = lines.next_if(|line| line.by_script) {
                    executed.extend(effect.attempt());
                }
                for Fenced { id, attempt, fence } in writes {
                    seen.write(&claims, &id, fence, executed.contains(&attempt));
                }
            } else {
                seen.claim(&mut claims, &mut highest, &line);
            }
        }
        seen
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // It fails only for a process that has ended by itself.
        let _ = self.listener.kill();
        let _ = self.listener.wait();
    }
}

// === impl Seen ===

impl Seen {
    fn write(&mut self, claims: &HashMap<String, Held>, id: &str, fence: u64, executed: bool) {
        let good = claims.get(id).is_some_and(|held| held.fence == fence);
        match (executed, good) {
            (true, true) => self.accepted += 1,
            (true, false) => self.stale_accepted.push(format!("{id} under {fence}, held: {:?}", claims.get(id))),
            (false, false) => self.stale_refused += 1,
            // A newer intent came between, or it was a repetition.
            (false, true) => {}
        }
    }

    fn claim(&mut self, claims: &mut HashMap<String, Held>, highest: &mut BTreeMap<String, u64>, line: &Line) {
        if !line.by_script {
            return;
        }
        if line.is("HDEL", "{sendstores}:claims") {
            claims.remove(&line.words[2]);
        }
        if !line.is("HSET", "{sendstores}:claims") {
            return;
        }
        let (id, mut value) = (line.words[2].clone(), line.words[3].splitn(3, ' '));
        let fence = value.next().and_then(|fence| fence.parse().ok()).expect("a fence");
        let held = Held { fence, owner: value.nth(1).expect("an owner").to_owned() };
        let before = claims.insert(id.clone(), held.clone());
        if before.as_ref() == Some(&held) {
            return;
        }
        if highest.insert(id.clone(), fence).is_some_and(|highest| highest >= fence) {
            self.fences_reused.push(id.clone());
        }
        if let Some(before) = before {
            self.takeovers.push((line.time, id, before.owner));
        }
    }
}

// === impl Line ===

impl Line {
    /// Reads `<time> [<database> <who>] "<word>" ...`.
    fn read(line: &str) -> Option<Self> {
        let (time, rest) = line.split_once(" [")?;
        let (who, words) = rest.split_once("] ")?;
        Some(Self { time: time.parse().ok()?, by_script: who.ends_with(" lua"), words: words_of(words) })
    }

    fn is(&self, command: &str, key: &str) -> bool {
        self.words.first().is_some_and(|word| word.eq_ignore_ascii_case(command))
            && self.words.get(1).is_some_and(|word| word == key)
    }

    /// The writes under a fence, if this is a call of the script that writes.
    fn writes(&self) -> Option<Vec<Fenced>> {
        let words = &self.words;
        let called = words.first()?.to_ascii_uppercase().starts_with("EVAL");
        // It is the only one with the counts as its fourth key.
        (called && words.get(6).is_some_and(|key| key == "{sendstores}:tenants:counts")).then_some(())?;
        let keys: usize = words.get(2)?.parse().ok()?;
        // Behind the keys: epoch, seen, length of the history, entries of the audit, window, and thirteen words of each write: id,
        // attempt, expected, fence and so on.
        let writes = words.get(keys + 8..)?.chunks(13);
        let fenced = |write: &[String]| {
            let [id, attempt, _, fence, ..] = write else { return None };
            Some(Fenced { id: id.clone(), attempt: attempt.clone(), fence: fence.parse().ok()? })
        };
        Some(writes.filter_map(fenced).collect())
    }

    /// The attempt that gave an entry of the log.
    fn attempt(&self) -> Option<String> {
        let is_tip = |word: &String| word == "tip";
        let tip = self.is("XADD", "{sendstores}:log").then(|| self.words.iter().position(is_tip)).flatten()?;
        self.words.get(tip + 1).cloned()
    }
}

/// The words between quotes. Escaped bytes stay as they are written; no word that is looked at has one.
fn words_of(text: &str) -> Vec<String> {
    let (mut words, mut word, mut within, mut escaped) = (Vec::new(), String::new(), false, false);
    for c in text.chars() {
        match c {
            '"' if !escaped => {
                if within {
                    words.push(std::mem::take(&mut word));
                }
                within = !within;
            }
            _ if within => word.push(c),
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    words
}

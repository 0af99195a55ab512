//! The programs of the workspace that tests run: built beside the tests, and of the sources as they are.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// A program of the workspace. Fails if it is missing, or was built before the last change of its sources: cargo builds
/// the programs of a test's own package alone, and a test of an old program proves nothing.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test.parent().and_then(Path::parent).expect("the target folder");
    let program = folder.join(name);
    let wrong = unusable(&program);
    assert!(
        wrong.is_none(),
        "{} {}; run: cargo build --workspace --bins",
        program.display(),
        wrong.unwrap_or_default()
    );
    program
}

/// Why a program cannot be tested, if it cannot.
fn unusable(program: &Path) -> Option<String> {
    let Some(built) = modified(program) else { return Some("is missing".to_owned()) };
    let Ok(list) = fs::read_to_string(program.with_extension("d")) else {
        return Some("has no list of its sources".to_owned());
    };
    let changed = sources(&list).into_iter().find(|source| modified(source).is_none_or(|changed| changed > built))?;
    Some(format!("is older than {}", changed.display()))
}

/// The files that cargo's list beside a program names: a line as for make, in which a space of a path is escaped.
fn sources(list: &str) -> Vec<PathBuf> {
    const SPACE: &str = "\0";
    let list = list.replace("\\ ", SPACE);
    let (_, sources) = list.split_once(": ").unwrap_or_default();
    sources.split_whitespace().map(|source| source.replace(SPACE, " ").into()).collect()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use std::{fs::File, time::Duration};

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_program_is_used_only_if_it_is_newer_than_each_of_its_sources() {
        let folder = TempDir::new().expect("a folder");
        let [program, list, one, two] =
            ["server", "server.d", "one.rs", "a second.rs"].map(|name| folder.path().join(name));
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let write = |path: &Path, seconds: u64| {
            let file = File::options().create(true).append(true).open(path).expect("a file");
            file.set_modified(start + Duration::from_secs(seconds)).expect("a time");
        };
        assert_eq!(unusable(&program), Some("is missing".to_owned()));
        write(&program, 2);
        assert_eq!(unusable(&program), Some("has no list of its sources".to_owned()));
        let escaped = two.display().to_string().replace(' ', "\\ ");
        fs::write(&list, format!("{}: {} {escaped}\n", program.display(), one.display())).expect("a list");
        write(&one, 1);
        assert_eq!(unusable(&program), Some(format!("is older than {}", two.display())), "a source that is gone");
        write(&two, 2);
        assert_eq!(unusable(&program), None);
        write(&two, 3);
        assert_eq!(unusable(&program), Some(format!("is older than {}", two.display())));
        write(&program, 3);
        assert_eq!(unusable(&program), None);
    }
}

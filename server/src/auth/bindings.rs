//! The bindings file: which role callers have that other systems vouch for.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sendstores_core::{Invalid, Permission, Principal, PrincipalName, Role, Scope, Timestamp};
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Issuers, Subject, file, issuers};
use crate::files::{FileError, Kind, Reloaded, Source};

const FILE: Kind = Kind {
    name: "auth configuration",
    label: "auth-config",
    interval: Duration::from_secs(2),
    broken: "sendstores_auth_config_broken",
};

/// The bindings of one file; clones share what was read last.
#[derive(Clone, Debug)]
pub struct Bindings(Reloaded<Table>);

/// The rows of the file, and which is the first that names a subject.
struct Table {
    rows: Vec<Arc<Binding>>,
    first: HashMap<Subject, usize>,
    issuers: Issuers,
}

/// One row of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// From 1, in the order of the file.
    pub number: usize,
    pub role: Role,
    pub scope: Scope,
    pub abilities: Option<BTreeSet<Permission>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    issuers: Vec<issuers::Row>,
    bindings: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    subjects: Vec<String>,
    role: String,
    #[serde(default)]
    tenants: Vec<String>,
    #[serde(default)]
    abilities: Option<Vec<String>>,
}

// === impl Bindings ===

impl Bindings {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or anything in it is wrong.
    pub fn open(path: PathBuf) -> Result<Self, FileError> {
        // What has not changed keeps the keys that were fetched.
        let last = Mutex::new(Issuers::default());
        let read = move |sources: &[Source<'_>]| {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            let empty = Table { rows: Vec::new(), first: HashMap::new(), issuers: last.clone() };
            let table = sources.iter().try_fold(empty, parse)?;
            *last = table.issuers.clone();
            Ok(table)
        };
        Reloaded::open(FILE, vec![path], read).map(Self)
    }

    /// Reads the file again whenever its content has changed, until `stop`. While it is broken, what was read last holds.
    pub async fn keep(self, stop: CancellationToken) {
        self.0.keep(stop, |_| {}).await;
    }

    /// The first row of the file that names one of these subjects, and the subject. `None`: no row does.
    pub fn find<'a>(&self, subjects: &'a [Subject]) -> Option<(&'a Subject, Arc<Binding>)> {
        let table = self.0.get();
        let named = subjects.iter().filter_map(|subject| Some((*table.first.get(subject)?, subject)));
        let (row, subject) = named.min_by_key(|(row, _)| *row)?;
        Some((subject, table.rows.get(row)?.clone()))
    }

    /// The issuers of the file.
    pub(super) fn issuers(&self) -> Issuers {
        self.0.get().issuers.clone()
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes()
    }

    pub(super) fn epoch(&self) -> u64 {
        self.0.epoch()
    }
}

fn parse(mut table: Table, file: &Source<'_>) -> Result<Table, FileError> {
    let malformed = |error: serde_saphyr::Error| {
        file.wrong(format_args!("this is no auth configuration: {}", file::first_line(&error.to_string())))
    };
    let document: Document = serde_saphyr::from_str(file.text()?).map_err(malformed)?;
    let issuers = document
        .issuers
        .into_iter()
        .enumerate()
        .map(|(i, row)| row.parse().map_err(|why| file.wrong(format_args!("issuer {}: {why}", i + 1))));
    let issuers = issuers.collect::<Result<Vec<_>, _>>()?;
    if let Some(twice) =
        issuers.iter().enumerate().find(|(i, one)| issuers[..*i].iter().any(|other| other.url == one.url))
    {
        return Err(file.wrong(format_args!("issuer {}: {} is there twice", twice.0 + 1, twice.1.url)));
    }
    table.issuers = table.issuers.updated(issuers).map_err(|why| file.wrong(format_args!("issuers: {why}")))?;
    for row in document.bindings {
        let number = table.rows.len() + 1;
        let wrong = |why: Invalid| file.wrong(format_args!("binding {number}: {why}"));
        let (subjects, binding) = row.parse(number).map_err(wrong)?;
        for subject in subjects {
            table.first.entry(subject).or_insert(table.rows.len());
        }
        table.rows.push(Arc::new(binding));
    }
    Ok(table)
}

// === impl Row ===

impl Row {
    fn parse(self, number: usize) -> Result<(Vec<Subject>, Binding), Invalid> {
        let Self { subjects, role, tenants, abilities } = self;
        if subjects.is_empty() {
            return Err(Invalid::new("subjects must name somebody"));
        }
        let subject = |(i, text): (usize, &String)| {
            text.parse().map_err(|why| Invalid::new(format_args!("subject {}: {why}", i + 1)))
        };
        let subjects = subjects.iter().enumerate().map(subject).collect::<Result<_, _>>()?;
        let role = file::role(&role)?;
        let scope = Scope::of_role(role, file::tenants(&tenants)?)?;
        let abilities = abilities.as_deref().map(file::abilities).transpose()?;
        Ok((subjects, Binding { number, role, scope, abilities }))
    }
}

// === impl Binding ===

impl Binding {
    /// Who a caller with this name is until `expires`.
    ///
    /// # Errors
    /// The name cannot be one of a principal.
    pub fn principal(&self, subject: &Subject, expires: Option<Timestamp>) -> Result<Principal, Invalid> {
        let Self { number: _, role, scope, abilities } = self.clone();
        let name = PrincipalName::of_subject(subject.name())?;
        Ok(Principal { kind: subject.kind(), name, id: String::new(), role, scope, abilities, expires })
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, role, scope, abilities } = self;
        let tenants: Vec<_> = scope.tenants().map(|tenant| tenant.as_str()).collect();
        write!(
            f,
            "binding {number}: role {role}, tenants {}",
            if scope.is_all() { "all".to_owned() } else { tenants.join(", ") }
        )?;
        let Some(abilities) = abilities else { return Ok(()) };
        let names: Vec<_> = abilities.iter().map(|ability| ability.as_str()).collect();
        write!(f, ", abilities {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn open(text: &str) -> (tempfile::NamedTempFile, Result<Bindings, FileError>) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), text).expect("written");
        let opened = Bindings::open(file.path().to_owned());
        (file, opened)
    }

    fn subjects(names: &[&str]) -> Vec<Subject> {
        names.iter().map(|name| name.parse().expect("a subject")).collect()
    }

    #[test]
    fn the_first_row_that_names_one_of_the_callers_subjects_holds() {
        let (_file, opened) = open(
            "bindings:
  - {subjects: ['k8s:a/b', 'oidc:https://i#group:ops'], role: tenant, tenants: [acme]}
  - {subjects: ['oidc:https://i#user:alice', 'k8s:a/b'], role: admin}
  - {subjects: ['spiffe://example.org/agent'], role: agent, tenants: [acme], abilities: [stores.create]}
",
        );
        let bindings = opened.expect("bindings");
        let number = |names: &[&str]| bindings.find(&subjects(names)).map(|(_, binding)| binding.number);
        assert_eq!(number(&["k8s:a/b"]), Some(1));
        assert_eq!(number(&["oidc:https://i#user:alice", "oidc:https://i#group:ops"]), Some(1));
        assert_eq!(number(&["oidc:https://i#user:alice"]), Some(2));
        assert_eq!(number(&["k8s:a/c", "dns:example.org"]), None);
        let agents = subjects(&["spiffe://example.org/agent"]);
        let (subject, binding) = bindings.find(&agents).expect("bound");
        assert_eq!(binding.to_string(), "binding 3: role agent, tenants acme, abilities stores.create");
        let principal = binding.principal(subject, None).expect("a principal");
        assert_eq!(principal.to_string(), "certificate:spiffe://example.org/agent");
        assert!(principal.has(Permission::StoresCreate) && !principal.has(Permission::StoresDelete));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_row() {
        for (row, part) in [
            ("subjects: ['k8s:a/b'], role: king", "binding 1: role must be one of admin"),
            ("subjects: ['k8s:a/b'], role: tenant", "binding 1: the role tenant needs a tenant"),
            ("subjects: ['k8s:a/b'], role: admin, tenants: [acme]", "takes none"),
            ("subjects: [alice], role: admin", "binding 1: subject 1: must begin with k8s:"),
            ("subjects: [], role: admin", "subjects must name somebody"),
            ("subjects: ['k8s:a/b'], role: admin, abilities: [stores.fly]", "abilities"),
            ("subjects: ['k8s:a/b'], role: admin, colour: red", "colour"),
            ("role: admin", "subjects"),
        ] {
            let why = open(&format!("bindings:\n  - {{{row}}}\n")).1.expect_err(row).to_string();
            assert!(why.contains(part) && why.lines().count() == 1, "{why}");
        }
        for text in ["", "bindings: 7", "[", "bindings: []\ntokens: []"] {
            assert!(open(text).1.is_err(), "{text:?}");
        }
        assert!(open("bindings: []").1.is_ok());
    }
}

//! What follows from the option `access` of every rpc: the table of methods.

use protox::prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, ReflectMessage, Value};

/// The methods beside ours on the same port: path, name, rule.
const BESIDE: [(&str, &str, &str); 5] = [
    ("/grpc.health.v1.Health/Check", "Health", "Open"),
    ("/grpc.health.v1.Health/List", "Health", "Open"),
    ("/grpc.health.v1.Health/Watch", "Health", "Open"),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "Reflection", "Reflection"),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "Reflection", "Reflection"),
];

/// One method with its option.
struct Row {
    name: String,
    path: String,
    rule: String,
    scope: String,
    effect: String,
    idempotent: bool,
    audit: bool,
}

/// The file with the table: where it is, from the repository's root, and its text.
pub(crate) fn file(pool: &DescriptorPool) -> (&'static str, String) {
    let rows = rows(pool).unwrap_or_else(|missing| panic!("{missing}"));
    ("proto/src/generated/methods.rs", text(&rows))
}

/// Of all services of the package, in the order of the contract. An rpc without the option, or with a part of it, is an
/// error with its name.
fn rows(pool: &DescriptorPool) -> Result<Vec<Row>, String> {
    let ours = pool.services().filter(|service| service.package_name() == "sendstores.v1");
    let methods: Vec<_> = ours.flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    let mut rows = methods.iter().map(|method| row(pool, method)).collect::<Result<Vec<_>, _>>()?;
    for (i, row) in rows.iter().enumerate() {
        if rows[..i].iter().any(|other| other.name == row.name) {
            return Err(format!("two methods have the name {}", row.name));
        }
    }
    rows.extend(BESIDE.iter().map(|(path, name, rule)| Row {
        name: (*name).to_owned(),
        path: (*path).to_owned(),
        rule: format!("Rule::{rule}"),
        scope: "None".to_owned(),
        effect: "Read".to_owned(),
        idempotent: true,
        audit: false,
    }));
    Ok(rows)
}

fn row(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<Row, String> {
    let name = method.full_name();
    let extension = pool.get_extension_by_name("sendstores.v1.access").expect("the extension");
    let options = method.options();
    if !options.has_extension(&extension) {
        return Err(format!("the rpc {name} has no option `access` (sendstores/v1/access.proto)"));
    }
    let option = options.get_extension(&extension).into_owned();
    let option = option.as_message().expect("a message");
    let permission = text_of(option, "permission");
    if permission.is_empty() {
        return Err(format!("the option `access` of {name} names no permission"));
    }
    Ok(Row {
        name: name_of(method),
        path: format!("/{}/{}", method.parent_service().full_name(), method.name()),
        rule: format!("Rule::Permission({permission:?})"),
        scope: variant(option, "scope", name)?,
        effect: variant(option, "effect", name)?,
        idempotent: flag(option, "idempotent"),
        audit: flag(option, "audit"),
    })
}

/// Short and of one method: of a store its verb, of other resources with their name before it, such as `TokenCreate`.
fn name_of(method: &MethodDescriptor) -> String {
    let service = method.parent_service();
    match service.name().trim_end_matches("Service") {
        // The names of the methods of these say what they are about.
        "Store" | "Account" | "Backup" => method.name().to_owned(),
        resource => format!("{resource}{}", method.name()),
    }
}

fn text_of(option: &DynamicMessage, field: &str) -> String {
    option.get_field_by_name(field).and_then(|value| value.as_str().map(str::to_owned)).expect("a text")
}

fn flag(option: &DynamicMessage, field: &str) -> bool {
    option.get_field_by_name(field).and_then(|value| value.as_bool()).expect("a flag")
}

/// `Store` of SCOPE_STORE.
fn variant(option: &DynamicMessage, field: &str, method: &str) -> Result<String, String> {
    let descriptor = option.descriptor().get_field_by_name(field).expect("a field").kind();
    let number = option.get_field_by_name(field).map(|value| match *value {
        Value::EnumNumber(number) => number,
        _ => 0,
    });
    let number = number.filter(|number| *number != 0);
    let number = number.ok_or_else(|| format!("the option `access` of {method} has no {field}"))?;
    let value = descriptor.as_enum().and_then(|of| of.get_value(number)).expect("a value of the enum");
    let word = value.name().rsplit('_').next().unwrap_or_default().to_lowercase();
    Ok(word[..1].to_uppercase() + &word[1..])
}

fn text(rows: &[Row]) -> String {
    let mut names: Vec<&str> = Vec::new();
    rows.iter().for_each(|row| {
        if !names.contains(&row.name.as_str()) {
            names.push(&row.name);
        }
    });
    let variants: String = names.iter().map(|name| format!("    {name},\n")).collect();
    let labels: String = names.iter().map(|name| format!("            Self::{name} => \"{name}\",\n")).collect();
    let list: String = names.iter().map(|name| format!("Self::{name}, ")).collect();
    let mut table = String::new();
    let mut paths = String::new();
    for (i, row) in rows.iter().enumerate() {
        let Row { name, path, rule, scope, effect, idempotent, audit } = row;
        table += &format!(
            "    MethodAccess {{\n        method: Method::{name},\n        path: \"{path}\",\n        rule: {rule},\n        \
             scope: Scope::{scope},\n        effect: Effect::{effect},\n        idempotent: {idempotent},\n        \
             audit: {audit},\n    }},\n"
        );
        paths += &format!("        \"{path}\" => Some({i}),\n");
    }
    format!(
        "// Generated from the option `access` of every rpc.\n\n\
         /// A method of the API, or of a service beside it on the same port.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]\npub enum Method {{\n{variants}}}\n\n\
         impl Method {{\n    /// Every method once.\n    pub const ALL: &[Self] = &[{}];\n\n    \
         /// The name, which is short and belongs to one method.\n    \
         pub const fn name(self) -> &'static str {{\n        match self {{\n{labels}        }}\n    }}\n}}\n\n\
         /// Every method with who may call it.\npub const METHODS: &[MethodAccess] = &[\n{table}];\n\n\
         fn index(path: &str) -> Option<usize> {{\n    match path {{\n{paths}        _ => None,\n    }}\n}}\n",
        list.trim_end_matches(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract with another text in the place of one.
    fn pool(from: &str, to: &str) -> DescriptorPool {
        let folder = tempdir();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        for file in crate::PROTOS {
            let text = std::fs::read_to_string(root.join(file)).expect("read a proto");
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("create the folder");
            std::fs::write(path, text.replacen(from, to, 1)).expect("write a proto");
        }
        let mut compiler = protox::Compiler::new([&folder]).expect("open the include path");
        compiler.include_imports(true).open_files(crate::PROTOS).expect("compile");
        compiler.descriptor_pool()
    }

    fn tempdir() -> std::path::PathBuf {
        let name = format!("protos-{:?}", std::thread::current().id());
        std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
    }

    #[test]
    fn an_rpc_without_its_access_is_named() {
        let bare = "  rpc Bare(GetRequest) returns (GetResponse);\n  rpc Get(GetRequest)";
        let missing = rows(&pool("  rpc Get(GetRequest)", bare)).err().expect("an error");
        assert!(missing.contains("sendstores.v1.StoreService.Bare"), "{missing}");
        for (from, part) in [("permission: \"stores.delete\"", "permission"), ("scope: SCOPE_FILTER", "scope")] {
            let missing = rows(&pool(from, "")).err().expect("an error");
            assert!(missing.contains(part), "{missing}");
        }
    }
}

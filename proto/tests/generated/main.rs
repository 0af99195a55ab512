//! The checked-in code is what the protos generate. `UPDATE_GENERATED=1 cargo test -p sendstores-proto` rewrites it.

#[cfg(test)]
mod methods;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod settings;

use std::{
    fs,
    path::{Path, PathBuf},
};

use prost::Message;

const PROTOS: [&str; 9] = [
    "sendstores/v1/access.proto",
    "sendstores/v1/account_service.proto",
    "sendstores/v1/audit_service.proto",
    "sendstores/v1/backup_service.proto",
    "sendstores/v1/rules.proto",
    "sendstores/v1/store.proto",
    "sendstores/v1/store_service.proto",
    "sendstores/v1/tenant_service.proto",
    "sendstores/v1/token_service.proto",
];

/// Messages whose Debug form is written by hand, without what they hold.
const HOLD_SECRETS: [&str; 2] = [".sendstores.v1.GetCredentialsResponse", ".sendstores.v1.TokenServiceCreateResponse"];

#[test]
fn a_password_is_not_printed() {
    let answer = sendstores_proto::v1::GetCredentialsResponse {
        admin_url: "http://a/wp-admin/".to_owned(),
        user: "merchant".to_owned(),
        password: "S3cret".to_owned(),
    };
    let printed = format!("{answer:?}");
    assert!(printed.contains("merchant") && !printed.contains("S3cret"), "{printed}");
}

#[test]
fn the_text_of_a_token_is_not_printed() {
    let token = sendstores_proto::v1::Token { name: "ci".to_owned(), ..Default::default() };
    let answer = sendstores_proto::v1::TokenServiceCreateResponse {
        token: Some(token),
        text: "sst_4fKq0ZpL2x_S3cret".to_owned(),
    };
    let printed = format!("{answer:?}");
    assert!(printed.contains("ci") && !printed.contains("S3cret"), "{printed}");
}

#[test]
fn checked_in_code_is_what_the_protos_generate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("generated");
    fs::create_dir_all(&out).expect("create the output folder");
    let others = generate(root, &out);

    let folder = root.parent().expect("the repository");
    let read = |file: &str| fs::read(out.join(file)).expect("read the fresh file");
    let messages =
        ["sendstores.v1.rs", "sendstores.v1.bin"].map(|file| (format!("proto/src/generated/{file}"), read(file)));
    let others = others.map(|(path, text)| (path.to_owned(), text.into_bytes()));
    for (path, fresh) in messages.into_iter().chain(others) {
        let checked_in = folder.join(&path);
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            fs::write(&checked_in, &fresh).expect("write the fresh file");
        }
        let kept = fs::read(&checked_in).unwrap_or_default();
        assert!(kept == fresh, "{path} differs: run `UPDATE_GENERATED=1 cargo test -p sendstores-proto` and commit it");
    }
}

/// Writes what is for this crate into `out`, and returns what is for others.
fn generate(root: &Path, out: &Path) -> [(&'static str, String); 5] {
    let mut compiler = protox::Compiler::new([root]).expect("open the include path");
    compiler.include_imports(true).include_source_info(true).open_files(PROTOS).expect("compile the protos");
    let with_comments = compiler.file_descriptor_set();
    let [builder, flags] = settings::files(&with_comments);
    let pool = compiler.descriptor_pool();
    let [schema, form] = schema::files(&pool, &with_comments);
    let others = [builder, flags, methods::file(&pool), schema, form];

    tonic_prost_build::configure()
        .build_transport(false)
        .client_mod_attribute(".", "#[cfg(feature = \"client\")]")
        .server_mod_attribute(".", "#[cfg(feature = \"server\")]")
        .btree_map(".")
        .skip_debug(HOLD_SECRETS)
        .out_dir(out)
        .compile_fds(with_comments)
        .expect("generate");

    let mut shipped = protox::Compiler::new([root]).expect("open the include path");
    shipped.include_imports(true).include_source_info(false).open_files(PROTOS).expect("compile the protos");
    // Not `file_descriptor_set().encode_to_vec()`: that drops options that prost-types does not know.
    fs::write(out.join("sendstores.v1.bin"), shipped.encode_file_descriptor_set()).expect("write the descriptor set");
    let decoded = prost_types_set(&out.join("sendstores.v1.bin"));
    assert!(decoded >= PROTOS.len(), "the descriptor set is empty");
    others
}

fn prost_types_set(path: &Path) -> usize {
    let bytes = fs::read(path).expect("read the descriptor set");
    prost_types::FileDescriptorSet::decode(bytes.as_slice()).expect("decode the descriptor set").file.len()
}

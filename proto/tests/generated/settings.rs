//! What follows from `message ShopSettings`: the builder's methods of the client crate, and the flags of `sendstores create`.

use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

const MESSAGE: &str = "ShopSettings";

/// Of a comment's line, without indentation and slashes.
const WIDTH: usize = 112;

/// Flags that are not named as their field.
const FLAGS: [(&str, &str); 1] = [("payment_methods", "payment")];

/// One field of the message.
struct Setting<'a> {
    field: &'a FieldDescriptorProto,
    comment: &'a str,
}

/// The files that follow from the protos: where each is, from the repository's root, and its text.
pub(crate) fn files(protos: &FileDescriptorSet) -> [(&'static str, String); 2] {
    let settings = settings(protos);
    [("client-sdk/src/create/shop.rs", builder(&settings)), ("cli/src/args/shop.rs", flags(&settings))]
}

fn settings(protos: &FileDescriptorSet) -> Vec<Setting<'_>> {
    let with_message = |file: &&FileDescriptorProto| file.message_type.iter().any(|message| message.name() == MESSAGE);
    let file = protos.file.iter().find(with_message).expect("the message");
    let index = |message: &DescriptorProto| message.name() == MESSAGE;
    let at = file.message_type.iter().position(index).expect("the message");
    let locations = &file.source_code_info.as_ref().expect("comments").location;
    let comment = |field: usize| {
        let path = [4, at, 2, field].map(|part| i32::try_from(part).expect("small"));
        let location = locations.iter().find(|location| location.path == path);
        location.map(prost_types::source_code_info::Location::leading_comments).expect("a comment")
    };
    let fields = file.message_type[at].field.iter().enumerate();
    fields.map(|(i, field)| Setting { field, comment: comment(i) }).collect()
}

fn builder(settings: &[Setting<'_>]) -> String {
    let mut text = String::from(
        "//! A method for each setting of a shop. Generated from `message ShopSettings`.\n\n\
         use super::CreateStore;\nuse crate::v1::{Catalogue, PaymentMethod};\n\nimpl CreateStore {",
    );
    for setting in settings {
        let (name, repeated) = (setting.field.name(), setting.field.label() == Label::Repeated);
        let (argument, given, set) = match setting.field.r#type() {
            Type::Bool => (name.to_owned(), "bool".to_owned(), format!("{name} = {name}")),
            Type::Enum if repeated => {
                let one = name.trim_end_matches('s');
                (one.to_owned(), setting.enum_name(), format!("{name}.push({one}.into())"))
            }
            Type::Enum => (name.to_owned(), setting.enum_name(), format!("{name} = {name}.into()")),
            Type::String => (name.to_owned(), "impl Into<String>".to_owned(), format!("{name} = {name}.into()")),
            other => panic!("no method is made for a {other:?}"),
        };
        text += &format!(
            "\n{}    pub fn {argument}(mut self, {argument}: {given}) -> Self {{\n        self.shop().{set};\n        self\n    }}\n",
            setting.doc(if repeated { " Each call adds one." } else { "" }),
        );
    }
    text + "}\n"
}

fn flags(settings: &[Setting<'_>]) -> String {
    let (mut fields, mut apply) = (String::new(), String::new());
    for setting in settings {
        let (name, repeated) = (setting.field.name(), setting.field.label() == Label::Repeated);
        let flag = FLAGS.iter().find(|(field, _)| *field == name).map(|(_, flag)| format!(" = \"{flag}\""));
        let list = if repeated { ", value_delimiter = ','" } else { "" };
        let (kind, set) = match setting.field.r#type() {
            Type::Bool => ("bool".to_owned(), format!("set(request, {name}.then_some(true), CreateStore::{name})")),
            Type::String => ("Option<String>".to_owned(), format!("set(request, {name}, CreateStore::{name})")),
            Type::Enum if repeated => {
                let one = name.trim_end_matches('s');
                let fold = format!("{name}.into_iter().fold(request, |request, one| request.{one}(one.wire()))");
                (format!("Vec<{}>", setting.enum_name()), fold)
            }
            Type::Enum => {
                let name_of = setting.enum_name();
                let set = format!("set(request, {name}.map({name_of}::wire), CreateStore::{name})");
                (format!("Option<{name_of}>"), set)
            }
            other => panic!("no flag is made for a {other:?}"),
        };
        let doc = setting.doc(if repeated { " Repeat the flag, or separate values with commas." } else { "" });
        let doc = doc.replace("CATALOGUE_SAMPLE", "sample");
        fields += &format!("{doc}    #[arg(long{}{list})]\n    {name}: {kind},\n", flag.unwrap_or_default());
        apply += &format!("        request = {set};\n");
    }
    let names: String = settings.iter().map(|setting| format!("            {},\n", setting.field.name())).collect();
    format!(
        "//! A flag for each setting of a shop. Generated from `message ShopSettings`.\n\n\
         use clap::Args;\nuse sendstores_client::CreateStore;\n\n\
         use super::create::{{Catalogue, PaymentMethod, set}};\n\n\
         #[derive(Args, Debug)]\n#[command(next_help_heading = \"Shop\")]\npub(super) struct ShopArgs {{\n{fields}}}\n\n\
         impl ShopArgs {{\n    pub(super) fn apply(self, mut request: CreateStore) -> CreateStore {{\n        \
         let Self {{\n{names}        }} = self;\n{apply}        request\n    }}\n}}\n"
    )
}

// === impl Setting ===

impl Setting<'_> {
    /// `Catalogue` of `.sendstores.v1.Catalogue`.
    fn enum_name(&self) -> String {
        self.field.type_name().rsplit('.').next().unwrap_or_default().to_owned()
    }

    fn doc(&self, more: &str) -> String {
        let words = format!("{}{more}", self.comment);
        let mut lines = vec![String::new()];
        for word in words.split_whitespace() {
            let line = lines.last_mut().expect("a line");
            if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
                lines.push(word.to_owned());
            } else {
                let space = if line.is_empty() { "" } else { " " };
                *line += &format!("{space}{word}");
            }
        }
        lines.iter().map(|line| format!("    /// {line}\n")).collect()
    }
}

//! `sendstores credentials`.

use sendstores_client::v1::GetCredentialsResponse;

use crate::{
    args::{CredentialsArgs, Global},
    failure::Failure,
    output, text,
};

use super::connect;

pub(super) async fn run(global: &Global, args: CredentialsArgs) -> Result<(), Failure> {
    let credentials = connect(global).await?.credentials(args.id).await?;
    if global.json {
        return output::document(&GetCredentialsResponse::from(credentials));
    }
    let lines = [
        ("admin", credentials.admin_url.as_str()),
        ("user", credentials.user.as_str()),
        ("password", credentials.password.expose()),
    ];
    let lines = lines.map(|(name, value)| format!("{name:<10}{}", text::line(value)));
    output::print(&lines.join("\n"))
}

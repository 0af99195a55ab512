//! `sendstores releases`.

use comfy_table::{Table, presets};
use sendstores_client::v1::{ListReleasesResponse, list_releases_response::Offer};

use crate::{args::Global, failure::Failure, output, text, view};

use super::connect;

pub(super) async fn run(global: &Global) -> Result<(), Failure> {
    let releases = connect(global).await?.releases().await?;
    if global.json {
        return output::document(&ListReleasesResponse { releases });
    }
    output::print(&table(&releases))
}

fn table(releases: &[Offer]) -> String {
    let mut table = Table::new();
    let head = ["NAME", "ENGINE", "WORDPRESS", "WOOCOMMERCE", "DEFAULT", "SECURITY", "NOTES"];
    table.load_style(presets::NOTHING).set_header(head);
    for release in releases {
        let known = |version: &str| if version.is_empty() { "-".to_owned() } else { version.to_owned() };
        let yes = |is: bool| if is { "yes" } else { "-" }.to_owned();
        let cells = [
            release.name.clone(),
            view::engine(release.engine()),
            known(&release.wordpress_version),
            known(&release.woocommerce_version),
            yes(release.default),
            yes(release.security),
            known(&release.notes_url),
        ];
        table.add_row(cells.map(|cell| text::line(&cell)));
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use sendstores_client::Engine;

    use super::*;

    #[test]
    fn a_table_has_what_is_known_of_each_release() {
        let release =
            |name: &str| Offer { name: name.to_owned(), engine: Engine::Woocommerce.into(), ..Offer::default() };
        let next = Offer {
            wordpress_version: "6.9".to_owned(),
            woocommerce_version: "11.0.1".to_owned(),
            security: true,
            notes_url: "https://example.com/\u{1b}[31m".to_owned(),
            ..release("2026-12")
        };
        let shown = table(&[next, Offer { default: true, ..release("default") }]);
        let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1][..6], ["2026-12", "woocommerce", "6.9", "11.0.1", "-", "yes"]);
        assert_eq!(rows[2], ["default", "woocommerce", "-", "-", "yes", "-", "-"]);
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
}

//! Pretrained on one data set, evaluated on others.

use crate::base::Result;
use crate::render::page::section::{Content, Section, section};
use crate::render::page::view::TableView;
use crate::render::transfer;
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/transfer.html");

#[derive(Serialize)]
struct Transfer<'a> {
    table: TableView<'a>,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let table: TableView<'_> = transfer::table(content.report).into();
    if table.rows.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![section("transfer", transfer::TITLE, TEMPLATE, Transfer { table })?])
}

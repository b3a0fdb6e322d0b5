//! Tables of stage kinds without a section of their own.

use crate::base::Result;
use crate::render::page::section::{Content, Section, section};
use crate::render::page::view::TableView;
use crate::render::stage_table;
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/stage-table.html");

#[derive(Serialize)]
struct OneTable<'a> {
    /// Name of its CSV file.
    name: &'a str,
    title: &'a str,
    explanation: &'a str,
    table: TableView<'a>,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let tables = &content.report.tables;
    let named = stage_table::names(tables).into_iter().zip(tables).filter(|(_, table)| !table.rows.is_empty());
    let of_table = |(name, table): (String, &stage_table::StageTable)| {
        let values =
            OneTable { name: &name, title: &table.title, explanation: &table.explanation, table: table.table().into() };
        section(&name, &table.title, TEMPLATE, values)
    };
    named.map(of_table).collect()
}

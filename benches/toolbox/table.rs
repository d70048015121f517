//! The printed table, and the same as JSON.

use crate::Row;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::io::Write;

/// A row as it stands in the file.
#[derive(Debug, Serialize)]
struct RowReport<'a> {
    name: &'a str,
    ours: Option<f64>,
    peer: Option<f64>,
    peer_name: &'a str,
    unit: &'a str,
    ratio: Option<f64>,
    goal: f64,
}

pub(crate) fn print(rows: &[Row]) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["row", "ours", "unit", "peer", "theirs", "ratio", "goal"]);
    for column in [1, 4, 5, 6] {
        let column = table.column_mut(column).expect("the header has as many");
        column.set_cell_alignment(CellAlignment::Right);
    }
    let side = |side: &Result<f64, String>| match side {
        Ok(value) => format!("{value:.3}"),
        Err(reason) => reason.clone(),
    };
    for row in rows {
        table.add_row([
            row.name.into(),
            side(&row.ours),
            row.unit.name().into(),
            row.peer_name.into(),
            side(&row.peer),
            row.ratio.map_or("-".into(), |ratio| format!("{ratio:.2}")),
            format!("{:.1}", row.goal),
        ]);
    }
    println!("{} CPUs\n{table}", crate::shared::cpus().len());
}

/// Writes toolbox.json.
pub(crate) fn write_json(rows: &[Row]) -> std::io::Result<()> {
    let mut file = std::fs::File::create(crate::shared::folder()?.join("toolbox.json"))?;
    let report = |row: &Row| RowReport {
        name: row.name,
        ours: row.ours.as_ref().ok().copied(),
        peer: row.peer.as_ref().ok().copied(),
        peer_name: row.peer_name,
        unit: row.unit.name(),
        ratio: row.ratio,
        goal: row.goal,
    };
    let rows: Vec<_> = rows.iter().map(report).collect();
    serde_json::to_writer_pretty(&mut file, &rows)?;
    writeln!(file)
}

//! CSV as people save it: UTF-8 with or without a byte order mark, commas or (Vietnamese Excel) semicolons, columns in any order.

use super::Complaint;

/// A row, with the line on which it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Counted from 1.
    pub line: u64,
    /// One cell for each known column, without blanks around it; empty where the column is absent.
    cells: Vec<String>,
}

/// What columns a table has.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    /// What each row must have, and what it may have after that.
    pub names: &'static [&'static str],
    /// How many of `names` must be there.
    pub required: usize,
}

impl Columns {
    fn sentence(&self) -> String {
        let (required, optional) = self.names.split_at(self.required);
        let optional = if optional.is_empty() { String::new() } else { format!(", and may be {}", optional.join(", ")) };
        format!("columns are {}{optional}", required.join(", "))
    }
}

impl Line {
    /// The cell of a column, by its number in [`Columns::names`]; `None` where it is empty.
    pub fn cell(&self, column: usize) -> Option<&str> {
        self.cells.get(column).map(String::as_str).filter(|cell| !cell.is_empty())
    }
}

/// The first line's cells, in lower case.
pub fn header(text: &str) -> Vec<String> {
    let first = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    first.split(delimiter(first)).map(|cell| cell.trim().trim_matches('"').to_lowercase()).collect()
}

fn delimiter(header: &str) -> char {
    if header.contains(';') && !header.contains(',') { ';' } else { ',' }
}

/// Reads a table. What cannot be read is complained about, and left out.
pub fn read(file: &str, text: &str, columns: Columns, complaints: &mut Vec<Complaint>) -> Vec<Line> {
    let mut complain = |line, field: &str, what: String| complaints.push(Complaint::new(file, line, field, what));
    let head = header(text);
    let mut places = Vec::new();
    for (number, name) in columns.names.iter().enumerate() {
        let place = head.iter().position(|cell| cell == name);
        if place.is_none() && number < columns.required {
            complain(1, name, format!("there is no such column; {}", columns.sentence()));
        }
        if head.iter().filter(|cell| cell == name).count() > 1 {
            complain(1, name, "the column is there twice".into());
        }
        places.push(place);
    }
    for cell in head.iter().filter(|cell| !columns.names.contains(&cell.as_str())) {
        complain(1, cell, format!("unknown column; {}", columns.sentence()));
    }
    let text = text.trim_start_matches('\u{feff}');
    let delimiter = delimiter(text.lines().next().unwrap_or_default());
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter as u8).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                complain(error.position().map_or(0, csv::Position::line), "", error.to_string());
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().all(str::is_empty) {
            continue;
        }
        if record.len() != head.len() {
            let what = format!(
                "{} cells where the first line has {}; a cell with a {delimiter} in it has to stand in double quotes",
                record.len(),
                head.len()
            );
            complain(line, "", what);
            continue;
        }
        let cells = places.iter().map(|place| place.and_then(|place| record.get(place)).unwrap_or_default().to_owned()).collect();
        lines.push(Line { line, cells });
    }
    lines
}

//! Code lists, borders and successors, read from files and put together.
//!
//! | file | columns or properties |
//! |---|---|
//! | areas, CSV | `scheme`, `code`, `kind`, `name`, `valid_from`, and `parent`, `valid_to` |
//! | areas, GeoJSON | the same as properties, and a border |
//! | borders, GeoJSON | `scheme`, `code` alone (`valid_from` where it has several versions): the border of an area that is listed elsewhere |
//! | successors, CSV | `old`, `new`, `share` |
//!
//! `parent`, `old` and `new` are `SCHEME:CODE`, or a code of the row's own scheme. Days are in the province's time zone; `valid_to` is the first day on which
//! the row no longer holds. Everything that is wrong is said at once.

use jiff::civil::Date;

use super::{
    Area, AreaId, AreaTree, Complaint, MultiPolygon, Successor, Validity, geojson,
    table::{self, Columns},
    tree::Row,
    unit::is_word,
};

const AREAS: Columns = Columns { names: &["scheme", "code", "kind", "name", "valid_from", "parent", "valid_to"], required: 5 };
const SUCCESSORS: Columns = Columns { names: &["old", "new", "share"], required: 3 };

/// The most characters that an area's name has.
const NAME_CHARS_MAX: usize = 200;

/// Where a row comes from.
#[derive(Debug, Clone)]
struct At {
    file: String,
    line: u64,
}

impl At {
    fn complain(&self, field: &str, what: impl Into<String>) -> Complaint {
        Complaint::new(&self.file, self.line, field, what)
    }
}

/// A border of an area that is listed elsewhere.
struct Border {
    at: At,
    id: AreaId,
    from: Option<Date>,
    shape: MultiPolygon,
}

/// Files that are being put together.
#[derive(Default)]
pub struct Import {
    areas: Vec<(At, Area)>,
    /// How many of `areas` were there before.
    kept: usize,
    borders: Vec<Border>,
    successors: Vec<(At, Successor)>,
    complaints: Vec<Complaint>,
}

impl Import {
    /// Starts from what is there already. A row with the id and the first day of one that is there takes its place.
    pub fn onto(tree: &AreaTree) -> Self {
        let at = At { file: "what is already there".into(), line: 0 };
        let areas: Vec<_> = tree.areas().map(|area| (at.clone(), area.clone())).collect();
        let successors = tree.successors().map(|successor| (at.clone(), successor)).collect();
        Self { kept: areas.len(), areas, successors, ..Self::default() }
    }

    /// Takes a file in; `name` is how it is called in complaints. What it is, is told by its contents.
    pub fn read(&mut self, name: &str, contents: &[u8]) {
        let Ok(text) = std::str::from_utf8(contents) else {
            let what = "it is not UTF-8; save it again as UTF-8 (in Excel: CSV UTF-8)";
            self.complaints.push(Complaint::new(name, 0, "", what));
            return;
        };
        if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
            self.read_geojson(name, text);
        } else if table::header(text).iter().any(|cell| cell == "old" || cell == "new") {
            self.read_successors(name, text);
        } else {
            self.read_areas(name, text);
        }
    }

    /// Puts everything together, or says everything that is wrong, by file and line.
    pub fn finish(self) -> Result<AreaTree, Vec<Complaint>> {
        let Self { mut areas, borders, successors, mut complaints, .. } = self;
        for Border { at, id, from, shape } in borders {
            let mut versions: Vec<_> = areas
                .iter_mut()
                .map(|(_, area)| area)
                .filter(|area| area.id == id && from.is_none_or(|from| area.validity.from == from))
                .collect();
            match versions.as_mut_slice() {
                [area] => area.border = Some(shape),
                [] => complaints.push(at.complain(
                    "code",
                    format!(
                        "{id} is not listed{}; give the feature kind, name and valid_from, or import the list of areas too",
                        match from {
                            Some(from) => format!(" from {from} on"),
                            None => String::new(),
                        }
                    ),
                )),
                several => complaints.push(at.complain(
                    "valid_from",
                    format!("{id} has {} versions; say by valid_from which of them has this border", several.len()),
                )),
            }
        }
        let (places, areas): (Vec<_>, Vec<_>) = areas.into_iter().unzip();
        let (successor_places, successors): (Vec<_>, Vec<_>) = successors.into_iter().unzip();
        let built = AreaTree::build(areas, successors);
        match built {
            Ok(tree) if complaints.is_empty() => return Ok(tree),
            Ok(_) => {}
            Err(faults) => complaints.extend(faults.into_iter().map(|fault| match fault.row {
                Row::Area(row) => places[row].complain(fault.field, fault.what),
                Row::Successor(row) => successor_places[row].complain(fault.field, fault.what),
            })),
        }
        complaints.sort();
        complaints.dedup();
        Err(complaints)
    }

    fn read_areas(&mut self, file: &str, text: &str) {
        for row in table::read(file, text, AREAS, &mut self.complaints) {
            let cell = |name: &str| AREAS.names.iter().position(|known| *known == name).and_then(|column| row.cell(column));
            self.take_area(At { file: file.to_owned(), line: row.line }, cell, None);
        }
    }

    fn read_geojson(&mut self, file: &str, text: &str) {
        for feature in geojson::read(file, text, &mut self.complaints) {
            let at = At { file: file.to_owned(), line: feature.line };
            let lists_an_area = ["kind", "name", "parent", "valid_to"].iter().any(|name| feature.property(name).is_some());
            if lists_an_area {
                self.take_area(at, |name| feature.property(name), feature.border.clone());
                continue;
            }
            let mut reader = Reader { at: &at, complaints: &mut self.complaints };
            let id = reader.id(feature.property("scheme"), feature.property("code"));
            let from = reader.day("valid_from", feature.property("valid_from"));
            match (id, from, feature.border) {
                (Some(id), Some(from), Some(shape)) => self.borders.push(Border { at, id, from, shape }),
                (_, _, None) => {
                    self.complaints.push(at.complain("geometry", "there is neither a border nor a name: nothing to import"))
                }
                _ => {}
            }
        }
    }

    fn take_area<'r>(&mut self, at: At, cell: impl Fn(&str) -> Option<&'r str>, border: Option<MultiPolygon>) {
        let mut reader = Reader { at: &at, complaints: &mut self.complaints };
        // Each is asked, so that each is complained about.
        let id = reader.id(cell("scheme"), cell("code"));
        let kind = reader.kind(cell("kind"));
        let name = reader.name(cell("name"));
        let parent = reader.reference("parent", cell("parent"), cell("scheme"));
        let from = reader.day("valid_from", cell("valid_from"));
        let to = reader.day("valid_to", cell("valid_to"));
        if let Some(None) = from {
            reader.complain("valid_from", "a day is expected, such as 2025-07-01");
        }
        let (Some(id), Some(kind), Some(name), Some(parent), Some(Some(from)), Some(to)) = (id, kind, name, parent, from, to)
        else {
            return;
        };
        let area = Area { id, kind, name, parent, validity: Validity { from, to }, border };
        let is_replaced = |(_, old): &&mut (At, Area)| old.id == area.id && old.validity.from == area.validity.from;
        match self.areas[..self.kept].iter_mut().find(is_replaced) {
            // A list without borders leaves those that are there.
            Some((place, old)) => {
                let border = area.border.or(old.border.take());
                (*place, *old) = (at, Area { border, ..area });
            }
            None => self.areas.push((at, area)),
        }
    }

    fn read_successors(&mut self, file: &str, text: &str) {
        for row in table::read(file, text, SUCCESSORS, &mut self.complaints) {
            let at = At { file: file.to_owned(), line: row.line };
            let mut reader = Reader { at: &at, complaints: &mut self.complaints };
            let old = reader.reference("old", row.cell(0), None);
            let new = reader.reference("new", row.cell(1), row.cell(0).and_then(|old| Some(old.split_once(':')?.0)));
            let share = row.cell(2).map(|share| share.replace(',', ".").parse::<f64>());
            let Some(Ok(share)) = share else {
                let found = row.cell(2).unwrap_or_default();
                reader.complain("share", format!("`{found}` is no share; above 0 and up to 1 is expected"));
                continue;
            };
            let (Some(old), Some(new)) = (old, new) else { continue };
            let (Some(old), Some(new)) = (old, new) else {
                reader.complain("", "both the old and the new area have to be named");
                continue;
            };
            self.successors.retain(|(place, known)| place.line > 0 || known.old != old || known.new != new);
            self.successors.push((at, Successor { old, new, share }));
        }
    }
}

/// Reads cells of one row. An outer `None` means that a complaint was made.
struct Reader<'a> {
    at: &'a At,
    complaints: &'a mut Vec<Complaint>,
}

impl Reader<'_> {
    fn complain(&mut self, field: &str, what: impl Into<String>) {
        self.complaints.push(self.at.complain(field, what));
    }

    fn id(&mut self, scheme: Option<&str>, code: Option<&str>) -> Option<AreaId> {
        AreaId::new(scheme.unwrap_or_default(), code.unwrap_or_default())
            .map_err(|error| self.complain(if scheme.is_none() { "scheme" } else { "code" }, error.to_string()))
            .ok()
    }

    fn kind(&mut self, cell: Option<&str>) -> Option<String> {
        let kind = cell.unwrap_or_default();
        if !is_word(kind) {
            self.complain(
                "kind",
                format!("`{kind}` is no kind; a word is expected, such as province, commune, ward or precinct"),
            );
            return None;
        }
        Some(kind.to_owned())
    }

    fn name(&mut self, cell: Option<&str>) -> Option<String> {
        match cell {
            Some(name) if name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control) => Some(name.to_owned()),
            Some(_) => {
                self.complain("name", format!("at most {NAME_CHARS_MAX} characters on one line are expected"));
                None
            }
            None => {
                self.complain("name", "a name is expected");
                None
            }
        }
    }

    fn reference(&mut self, field: &str, cell: Option<&str>, scheme: Option<&str>) -> Option<Option<AreaId>> {
        let Some(text) = cell else { return Some(None) };
        let parsed = match (scheme, text.contains(':')) {
            (Some(scheme), false) => AreaId::new(scheme, text),
            _ => text.parse(),
        };
        match parsed {
            Ok(id) => Some(Some(id)),
            Err(error) => {
                self.complain(field, error.to_string());
                None
            }
        }
    }

    fn day(&mut self, field: &str, cell: Option<&str>) -> Option<Option<Date>> {
        let Some(text) = cell else { return Some(None) };
        // jiff alone would also take 20250701 and a time behind the day.
        match text.parse::<Date>() {
            Ok(day) if text.len() == 10 => Some(Some(day)),
            _ => {
                let guess = match text.split(['/', '.']).collect::<Vec<_>>().as_slice() {
                    [day, month, year] if year.len() == 4 => format!(" ({year}-{month:0>2}-{day:0>2}?)"),
                    _ => String::new(),
                };
                self.complain(field, format!("`{text}` is no day; YYYY-MM-DD is expected{guess}"));
                None
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    pub(crate) fn folder() -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/areas"))
    }

    fn import(tree: &AreaTree, files: &[PathBuf]) -> Result<AreaTree, Vec<Complaint>> {
        let mut import = Import::onto(tree);
        for file in files {
            import.read(&file.file_name().unwrap().to_string_lossy(), &fs::read(file).unwrap());
        }
        import.finish()
    }

    /// The invented province of `tests/areas`.
    pub(crate) fn province() -> AreaTree {
        let files = ["areas.csv", "borders.geojson", "successors.csv"].map(|name| folder().join(name));
        import(&AreaTree::default(), &files).unwrap()
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let mut cases = 0;
        for case in fs::read_dir(folder().join("wrong")).unwrap() {
            let case = case.unwrap().path();
            let mut files: Vec<_> = fs::read_dir(&case).unwrap().map(|file| file.unwrap().path()).collect();
            files.retain(|file| file.file_name().unwrap() != "complaints.txt");
            files.sort();
            let complaints = import(&AreaTree::default(), &files).expect_err(&case.display().to_string());
            let said: String = complaints.iter().map(|complaint| format!("{complaint}\n")).collect();
            let expected = case.join("complaints.txt");
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                fs::write(&expected, &said).unwrap();
            }
            let golden = fs::read_to_string(&expected).unwrap_or_default();
            assert_eq!(said, golden, "{} (UPDATE_GOLDEN=1 rewrites it)", expected.display());
            cases += 1;
        }
        assert!(cases >= 4, "where are the cases?");
    }

    #[test]
    fn importing_again_changes_nothing_and_a_list_keeps_borders() {
        let once = province();
        let files = ["areas.csv", "borders.geojson", "successors.csv"].map(|name| folder().join(name));
        assert_eq!(import(&once, &files).unwrap(), once);
        assert_eq!(import(&once, &files[..1]).unwrap(), once);
    }

    #[test]
    fn what_is_there_can_be_ended_and_renamed() {
        let mut import = Import::onto(&province());
        let change = "scheme,code,kind,name,valid_from,valid_to,parent\n\
                      MP-XA,10001,ward,Bến Lau,2025-07-01,2027-01-01,MP-TINH:01\n\
                      MP-XA,10001,ward,Cảng Lau,2027-01-01,,MP-TINH:01\n";
        import.read("change.csv", change.as_bytes());
        let tree = import.finish().unwrap();
        let ward: AreaId = "MP-XA:10001".parse().unwrap();
        let name = |day: &str| tree.at(&ward, day.parse().unwrap()).unwrap().name.clone();
        assert_eq!((name("2026-12-31").as_str(), name("2027-01-01").as_str()), ("Bến Lau", "Cảng Lau"));
    }

    #[test]
    fn what_no_longer_fits_what_is_there_is_told() {
        let mut import = Import::onto(&province());
        import.read("x.csv", b"scheme,code,kind,name,valid_from,valid_to,parent\nMP-TINH,01,city,Xanh,2026-04-30,2026-12-01,\n");
        let complaints = import.finish().unwrap_err();
        // The ward and the commune below it lose their parent; they are in no file.
        assert!(
            complaints.len() == 2 && complaints.iter().all(|said| said.to_string().starts_with("what is already there: parent:")),
            "{complaints:?}"
        );
    }

    #[test]
    fn other_files_are_told_from_areas() {
        for (text, part) in [
            (&b"\xd0\xcf\x11\xe0"[..], "not UTF-8"),
            (b"{\"type\": \"Topology\"}", "a FeatureCollection"),
            (b"{\"type\": ", "this is no JSON"),
            (b"", "there is no such column"),
            (br#"{"type": "FeatureCollection", "features": [1]}"#, "Features are expected"),
            (
                br#"{"type": "FeatureCollection", "crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::9210"}}, "features": []}"#,
                "another coordinate system",
            ),
        ] {
            let mut import = Import::default();
            import.read("x", text);
            let complaints = import.finish().unwrap_err();
            assert!(complaints.iter().any(|said| said.to_string().contains(part)), "{part}: {complaints:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_an_answer_and_no_panic(text in ".{0,200}", table in "(scheme|old|code|new|share|kind|name|valid_from|[,;\"\n]|MP|[0-9-]{1,10}){0,60}") {
            for text in [text, table] {
                let mut import = Import::default();
                import.read("x", text.as_bytes());
                let _ = import.finish();
            }
        }
    }
}

//! Reads a TOML text key by key and gathers every complaint, each with its place and key, instead of stopping at the first.
//!
//! Who edits a file by hand wants to hear of everything that is wrong with it at once. So a reader walks the text: [`read`] hands it the root
//! [`Table`], it asks for keys and tables below, and complains where a value does not suit it. What it never asked for is a mistake:
//! [`Table::finish`] says so, with the nearest key that it does know.
//!
//! **Invariant:** pure; a text comes in, no file is opened.
//!
//! The words are here for what every walk can find: an unknown key, what is no table, no list of tables.
//!
//! Not here: how a value becomes a type, and the words when it cannot. A gateway's zones are read by serde (`edge/src/config/reader.rs`), the
//! centre's settings by kind and bounds (`center/src/config/reader.rs`), the model registry by closed lists of words
//! (`pipeline/infer/src/registry/reader.rs`).

#![forbid(unsafe_code)]

mod complaint;
mod table;
mod words;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

pub use complaint::{Complaint, syntax_first};
pub use table::Table;
pub use words::{nearest, no_such_key};

/// A value as it was written, with its place.
pub type Found<'d> = &'d Spanned<DeValue<'d>>;

/// Parses a text and has `ask` ask for everything. Complaints come in the order of the text; without any, there is what `ask` made of it.
///
/// A text that is not TOML in places is read nonetheless, as far as it goes.
pub fn read<T>(text: &str, ask: impl FnOnce(Table<'_>) -> T) -> Result<T, Vec<Complaint>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let complaints = complaint::Complaints::new(text);
    for error in errors {
        complaints.add(error.span().map_or(0, |span| span.start), String::new(), error.message());
    }
    let value = ask(Table::root(&complaints, root.get_ref()));
    let complaints = complaints.in_order();
    if complaints.is_empty() { Ok(value) } else { Err(complaints) }
}

/// A whole number, decimal or with a prefix such as `0x`; `None` where it is none, or beyond the type.
pub fn whole<T: TryFrom<u64>>(value: &DeValue<'_>) -> Option<T> {
    let number = value.as_integer()?;
    u64::from_str_radix(number.as_str(), number.radix()).ok()?.try_into().ok()
}

/// A finite number, with or without a decimal point; `None` where it is none.
pub fn number<T: std::str::FromStr + Into<f64> + Copy>(value: &DeValue<'_>) -> Option<T> {
    let number: T = match value {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok()?,
        DeValue::Float(number) => number.as_str().parse().ok()?,
        _ => return None,
    };
    number.into().is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_a_person_would_call_so() {
        let value = |text: &str| {
            read(&format!("x = {text}"), |root| root.find("x").map(|x| (number::<f64>(x.get_ref()), whole::<u8>(x.get_ref()))))
        };
        for (text, number, whole) in [
            ("7", Some(7.0), Some(7)),
            ("-75", Some(-75.0), None),
            ("-0.5", Some(-0.5), None),
            ("1_000", Some(1000.0), None),
            ("0x1f", None, Some(31)),
            ("inf", None, None),
            ("nan", None, None),
            ("\"7\"", None, None),
        ] {
            assert_eq!(value(text), Ok(Some((number, whole))), "{text}");
        }
    }
}

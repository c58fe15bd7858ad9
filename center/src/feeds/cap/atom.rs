//! The Atom 1.0 feed that lists alerts (RFC 4287): one entry an alert, with one link to its XML.

use matpho_scene::WallTime;

use super::write::MEDIA_TYPE;
use crate::feeds::xml::Document;

/// The feed itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Names it for good; also where it is.
    pub address: String,
    /// What it is, in words.
    pub title: String,
    /// Whose it is.
    pub author: String,
    /// When it was made, where there is no entry that says so.
    pub made: WallTime,
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The alert's identifier.
    pub identifier: String,
    /// Its headline.
    pub title: String,
    /// What it says, in short.
    pub summary: String,
    /// When it was sent.
    pub sent: WallTime,
    /// Where its XML is.
    pub address: String,
}

/// Writes the feed, the newest entry first. Of two entries with one identifier the newer stays: ids in a feed are unique.
pub fn write(feed: &Feed, entries: &[Entry]) -> String {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by(|a, b| b.sent.cmp(&a.sent).then_with(|| a.identifier.cmp(&b.identifier)));
    let mut seen = std::collections::BTreeSet::new();
    entries.retain(|entry| seen.insert(&entry.identifier));
    let updated = entries.first().map_or(feed.made, |newest| newest.sent);

    let mut xml = Document::new("feed", &[("xmlns", "http://www.w3.org/2005/Atom")]);
    xml.text("id", &feed.address);
    xml.text("title", &feed.title);
    xml.text("updated", &updated.to_string());
    xml.open("author", &[]);
    xml.text("name", &feed.author);
    xml.close("author");
    xml.empty("link", &[("rel", "self"), ("href", &feed.address)]);
    for entry in entries {
        xml.open("entry", &[]);
        xml.text("id", &entry.identifier);
        xml.text("title", &entry.title);
        xml.text("updated", &entry.sent.to_string());
        xml.text("published", &entry.sent.to_string());
        xml.text("summary", &entry.summary);
        xml.empty("link", &[("type", MEDIA_TYPE), ("href", &entry.address)]);
        xml.close("entry");
    }
    xml.finish("feed")
}

//! XML in memory, indented, with everything escaped that has to be.

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event},
};

/// A document that is being written.
pub struct Document(Writer<Vec<u8>>);

impl Document {
    /// Begins a document with its root element.
    pub fn new(root: &str, attributes: &[(&str, &str)]) -> Self {
        let mut document = Self(Writer::new_with_indent(Vec::new(), b' ', 2));
        document.put(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        document.open(root, attributes);
        document
    }

    /// Opens an element.
    pub fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.put(Event::Start(BytesStart::new(name).with_attributes(attributes.iter().copied())));
    }

    /// Closes it.
    pub fn close(&mut self, name: &str) {
        self.put(Event::End(BytesEnd::new(name)));
    }

    /// An element with text in it.
    pub fn text(&mut self, name: &str, text: &str) {
        self.open(name, &[]);
        self.put(Event::Text(BytesText::new(text)));
        self.close(name);
    }

    /// The same, where there is something to say.
    pub fn text_if(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// An element without contents.
    pub fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.put(Event::Empty(BytesStart::new(name).with_attributes(attributes.iter().copied())));
    }

    /// Closes the root and hands the document out.
    pub fn finish(mut self, root: &str) -> String {
        self.close(root);
        let mut bytes = self.0.into_inner();
        bytes.push(b'\n');
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn put(&mut self, event: Event<'_>) {
        // Writing to memory does not fail.
        let _ = self.0.write_event(event);
    }
}

/// Whether XML 1.0 carries a text as it is: it has no way to write most control characters, and makes line feeds of carriage returns.
pub fn can_carry(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\t' | '\n' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}'))
}

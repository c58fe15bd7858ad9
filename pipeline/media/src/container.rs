//! Is all of a file there? Demuxers tell a cut-off film from a whole one badly, its header tells it exactly.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

/// What a file lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// Its size in bytes.
    pub bytes: u64,
    /// The least size its header implies.
    pub bytes_expected: u64,
    /// Its index is there, so that what there is of it can be read.
    pub readable: bool,
}

/// What is missing of a file; none for whole ones, and for containers that do not say (TS, FLV, Matroska).
pub fn missing(path: &Path) -> Option<Missing> {
    let mut file = File::open(path).ok()?;
    let bytes = file.metadata().ok()?.len();
    missing_of(&mut file, bytes)
}

fn missing_of(file: &mut (impl Read + Seek), bytes: u64) -> Option<Missing> {
    let mut head = [0; 12];
    file.read_exact(&mut head).ok()?;
    let cut = |bytes_expected, readable| (bytes_expected > bytes).then_some(Missing { bytes, bytes_expected, readable });
    if &head[..4] == b"RIFF" {
        // Zero while recording, as after a power cut: nothing is known. The index of an AVI comes last, and can be done without.
        let declared = u32::from_le_bytes(head[4..8].try_into().ok()?);
        return cut(if declared == 0 { 0 } else { u64::from(declared) + 8 }, true);
    }
    if !matches!(&head[4..8], b"ftyp" | b"moov" | b"mdat" | b"free" | b"wide" | b"skip") {
        return None;
    }
    // MP4 and MOV: boxes one after another, each with its length.
    let (mut at, mut indexed) = (0u64, false);
    while at < bytes {
        let mut head = [0; 16];
        file.seek(SeekFrom::Start(at)).ok()?;
        let got = read_up_to(file, &mut head)?;
        if got < 8 {
            return cut(at + 8, indexed);
        }
        let length = match u32::from_be_bytes(head[..4].try_into().ok()?) {
            // To the end of the file.
            0 => bytes - at,
            1 if got == 16 => u64::from_be_bytes(head[8..16].try_into().ok()?),
            1 => return cut(at + 16, indexed),
            length => u64::from(length),
        };
        if length < 8 {
            return None;
        }
        at = at.checked_add(length)?;
        indexed |= matches!(&head[4..8], b"moov" | b"moof") && at <= bytes;
    }
    // All boxes whole and no index among them: it was to follow.
    cut(if indexed { at } else { at.max(bytes + 1) }, indexed)
}

fn read_up_to(file: &mut impl Read, into: &mut [u8]) -> Option<usize> {
    let mut got = 0;
    while got < into.len() {
        match file.read(&mut into[got..]).ok()? {
            0 => break,
            n => got += n,
        }
    }
    Some(got)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn mp4(boxes: &[(&str, u32, usize)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, length, body) in boxes {
            bytes.extend(length.to_be_bytes());
            bytes.extend(kind.as_bytes());
            bytes.extend(vec![0; *body]);
        }
        bytes
    }

    #[test]
    fn lengths_are_added_up() {
        for (bytes, expected) in [
            (mp4(&[("ftyp", 16, 8), ("moov", 24, 16), ("mdat", 108, 100)]), None),
            (mp4(&[("ftyp", 16, 8), ("moov", 24, 16), ("mdat", 0, 40)]), None),
            (mp4(&[("ftyp", 16, 8), ("moov", 24, 16), ("mdat", 108, 40)]), Some((148, true))),
            (mp4(&[("ftyp", 16, 8), ("mdat", 108, 40)]), Some((124, false))),
            (mp4(&[("ftyp", 16, 8), ("mdat", 108, 100)]), Some((125, false))),
            (mp4(&[("ftyp", 16, 8), ("moov", 24, 10)]), Some((40, false))),
            (mp4(&[("ftyp", 16, 8), ("moov", 4, 16)]), None),
            (b"RIFF\x10\x27\0\0AVI LIST".to_vec(), Some((10_008, true))),
            (b"RIFF\0\0\0\0AVI LIST".to_vec(), None),
            (b"what is this?".to_vec(), None),
        ] {
            let size = bytes.len() as u64;
            let found = missing_of(&mut Cursor::new(&bytes), size).map(|missing| (missing.bytes_expected, missing.readable));
            assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(&bytes));
        }
    }
}

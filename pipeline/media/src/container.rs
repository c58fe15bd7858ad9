//! Is all of a file there? Demuxers tell a cut-off film from a whole one badly, its header tells it exactly.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

/// The file's size and the least size its header implies, where the latter is larger. None for whole files, and for containers that do not say (TS, FLV).
pub fn missing_bytes(path: &Path) -> Option<(u64, u64)> {
    let mut file = File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    let expected = expected_bytes(&mut file, size)?;
    (expected > size).then_some((size, expected))
}

fn expected_bytes(file: &mut (impl Read + Seek), size: u64) -> Option<u64> {
    let mut head = [0; 12];
    file.read_exact(&mut head).ok()?;
    if &head[..4] == b"RIFF" {
        let declared = u32::from_le_bytes(head[4..8].try_into().ok()?);
        // Zero while recording, as after a power cut: nothing is known.
        return (declared != 0).then_some(u64::from(declared) + 8);
    }
    if !matches!(&head[4..8], b"ftyp" | b"moov" | b"mdat" | b"free" | b"wide" | b"skip") {
        return None;
    }
    // MP4 and MOV: boxes one after another, each with its length.
    let (mut at, mut index_seen) = (0u64, false);
    while at < size {
        let mut head = [0; 16];
        file.seek(SeekFrom::Start(at)).ok()?;
        let got = read_up_to(file, &mut head)?;
        if got < 8 {
            return Some(at + 8);
        }
        index_seen |= matches!(&head[4..8], b"moov" | b"moof");
        let length = match u32::from_be_bytes(head[..4].try_into().ok()?) {
            // To the end of the file.
            0 => return Some(size),
            1 if got == 16 => u64::from_be_bytes(head[8..16].try_into().ok()?),
            1 => return Some(at + 16),
            length => u64::from(length),
        };
        if length < 8 {
            return None;
        }
        at = at.checked_add(length)?;
    }
    // All boxes whole and no index among them: it was to follow.
    Some(if index_seen { at } else { at.max(size + 1) })
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
            (mp4(&[("ftyp", 16, 8), ("moov", 24, 16), ("mdat", 108, 100)]), Some(148)),
            (mp4(&[("ftyp", 16, 8), ("moov", 24, 16), ("mdat", 108, 40)]), Some(148)),
            (mp4(&[("ftyp", 16, 8), ("mdat", 108, 100)]), Some(125)),
            (mp4(&[("ftyp", 16, 8), ("moov", 24, 16), ("mdat", 0, 40)]), Some(88)),
            (mp4(&[("ftyp", 16, 8), ("moov", 4, 16)]), None),
            (b"RIFF\x10\x27\0\0AVI LIST".to_vec(), Some(10_008)),
            (b"RIFF\0\0\0\0AVI LIST".to_vec(), None),
            (b"what is this?".to_vec(), None),
        ] {
            let size = bytes.len() as u64;
            assert_eq!(expected_bytes(&mut Cursor::new(&bytes), size), expected, "{:?}", String::from_utf8_lossy(&bytes[..8]));
        }
    }
}

//! Files: every container and codec, exact times, and what is said of those that are broken.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic, also in its helpers")]

mod support;

use std::path::Path;

use matpho_media::{Codec, DecodePolicy, DecoderChoice, FileError, FileOptions, FileReader, annotate::Mp4Writer};
use matpho_scene::{ClockSource, MediaTime, Picture, PictureSize, WallTime};
use support::{H264, H264_B_FRAMES, H265, clip};

const ALL_KEYFRAMES: DecodePolicy = DecodePolicy::Keyframes { fps_max: f64::INFINITY };

fn open(path: &Path, decode: DecodePolicy) -> Result<FileReader, FileError> {
    FileReader::open(path, &FileOptions::new(decode, 4000))
}

fn error_of(path: &Path) -> FileError {
    match open(path, DecodePolicy::Every) {
        Err(error) => error,
        Ok(reader) => reader.filter_map(Result::err).next().expect("an error"),
    }
}

#[test]
fn every_container_and_codec_is_read_with_exact_times() {
    let folder = tempfile::tempdir().unwrap();
    for (name, make, codec, container) in [
        ("a.mp4", format!("{H264} ! mp4mux"), Codec::H264, "video/quicktime"),
        ("b.mp4", format!("{H264_B_FRAMES} ! mp4mux"), Codec::H264, "video/quicktime"),
        ("c.mkv", format!("{H265} ! h265parse ! matroskamux"), Codec::H265, "video/x-matroska"),
        ("d.avi", "jpegenc ! avimux".into(), Codec::Mjpeg, "video/x-msvideo"),
        ("e.ts", format!("{H264} ! mpegtsmux"), Codec::H264, "video/mpegts"),
        ("f.avi", "avenc_mpeg4 ! avimux".into(), Codec::Other("video/x-divx".into()), "video/x-msvideo"),
        ("g.mov", format!("{H264} ! qtmux"), Codec::H264, "video/quicktime"),
    ] {
        let path = folder.path().join(name);
        clip(&path, 50, &make);
        let begins: WallTime = "2026-11-21T08:00:00.000Z".parse().unwrap();
        let options = FileOptions { begins: Some(begins), ..FileOptions::new(DecodePolicy::Every, 4000) };
        let mut reader = FileReader::open(&path, &options).unwrap();
        let info = reader.info().clone();
        assert_eq!(
            (&info.codec, info.container.as_str(), info.size.to_string().as_str()),
            (&codec, container, "320x240"),
            "{name}"
        );
        let frames: Vec<_> = reader.by_ref().collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(frames.len(), 50, "{name}");
        for (n, frame) in frames.iter().enumerate() {
            assert_eq!(frame.index, n as u64, "{name}");
            let off = frame.media_time.as_secs_f64() - frames[0].media_time.as_secs_f64() - n as f64 / 25.0;
            assert!(off.abs() < 0.002, "{name}: picture {n} is {off} s off");
            assert_eq!(frame.seen.clock, ClockSource::File);
            assert_eq!(frame.seen.at.since(begins).as_millis(), u128::from(frame.media_time.as_nanos() / 1_000_000), "{name}");
        }
        assert!(frames[0].media_time < MediaTime::from_millis(100), "{name}: {}", frames[0].media_time);
        let summary = reader.summary();
        assert_eq!((summary.units, summary.decoded, summary.frames, summary.skipped()), (50, 50, 50, 0), "{name}");
        if !matches!(name, "e.ts") {
            assert_eq!(info.fps, Some(25.0), "{name}");
            assert!((info.duration.unwrap().as_secs_f64() - 2.0).abs() < 0.1, "{name}: {info:?}");
        }
    }
}

#[test]
fn policies_hold_for_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    clip(&path, 100, &format!("{H264_B_FRAMES} ! mp4mux"));
    let indices = |decode| {
        let mut reader = open(&path, decode).unwrap();
        let indices: Vec<u64> = reader.by_ref().map(|frame| frame.unwrap().index).collect();
        (indices, reader.summary())
    };
    let (keyframes, summary) = indices(ALL_KEYFRAMES);
    assert_eq!(keyframes, (0..10).map(|n| n * 10).collect::<Vec<_>>());
    assert_eq!((summary.units, summary.keyframes, summary.decoded, summary.skipped()), (100, 10, 10, 90));
    let (fifth, summary) = indices(DecodePolicy::AtMost { fps: 5.0 });
    assert_eq!(fifth, (0..20).map(|n| n * 5).collect::<Vec<_>>());
    assert_eq!((summary.units, summary.decoded, summary.frames), (100, 100, 20));
}

#[test]
fn pictures_are_scaled_down_and_keep_their_shape() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    clip(&path, 3, &format!("{H264} ! mp4mux"));
    let mut reader = FileReader::open(&path, &FileOptions::new(DecodePolicy::Every, 101)).unwrap();
    let frame = reader.next().unwrap().unwrap();
    assert_eq!(frame.picture.size().to_string(), "100x76");
    assert_eq!(frame.picture.rgb().len(), 100 * 76 * 3);
}

#[test]
fn broken_files_get_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let (index_last, index_first) = (folder.path().join("last.mp4"), folder.path().join("first.mp4"));
    clip(&index_last, 100, &format!("{H264} ! mp4mux"));
    clip(&index_first, 100, &format!("{H264} ! mp4mux faststart=true"));
    let (last, first) = (std::fs::read(&index_last).unwrap(), std::fs::read(&index_first).unwrap());
    let sound = folder.path().join("sound.mp4");
    support::make(&format!("audiotestsrc num-buffers=50 ! avenc_aac ! mp4mux ! filesink location={}", sound.display()));

    for (path, expected) in [
        (folder.path().join("none.mp4"), "cannot read"),
        (folder.path().to_path_buf(), "is not a file"),
        (file("empty.mp4", b""), "is empty"),
        (file("text.mp4", "Dear Sir or Madam, ".repeat(400).as_bytes()), "is no video"),
        (
            file("noise.avi", &(0..20_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>()),
            "is no video",
        ),
        (sound, "holds no video stream"),
        (file("cut-last.mp4", &last[..last.len() / 2]), "is cut off"),
        (file("cut-first.mp4", &first[..first.len() / 2]), "is cut off"),
        (file("cut-head.mp4", &first[..600]), "is cut off"),
        (file("scrambled.mp4", &[&first[..40], &vec![0x55; first.len() - 40][..]].concat()), "is "),
    ] {
        let begun = std::time::Instant::now();
        let said = error_of(&path).to_string();
        assert!(begun.elapsed() < support::DEADLINE, "{} took {:?}: {said}", path.display(), begun.elapsed());
        assert!(said.contains(expected), "{}: {said}", path.display());
        assert!(said.contains(path.to_str().unwrap()), "{said}");
    }
}

#[test]
fn a_cut_file_gives_what_it_has_first() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("a.mp4");
    clip(&whole, 100, &format!("{H264} ! mp4mux faststart=true"));
    let bytes = std::fs::read(&whole).unwrap();
    let cut = folder.path().join("cut.mp4");
    std::fs::write(&cut, &bytes[..bytes.len() * 3 / 4]).unwrap();
    let read: Vec<_> = open(&cut, DecodePolicy::Every).unwrap().collect();
    let (last, frames) = read.split_last().unwrap();
    assert!(frames.len() > 20 && frames.iter().all(Result::is_ok), "{}", frames.len());
    assert!(matches!(last, Err(FileError::Truncated { frames: told, .. }) if *told == frames.len() as u64), "{last:?}");
}

#[test]
fn a_decoder_that_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    clip(&path, 3, &format!("{H264} ! mp4mux"));
    let options =
        FileOptions { decoder: DecoderChoice::Named("avdec_h265".into()), ..FileOptions::new(DecodePolicy::Every, 100) };
    let error = FileReader::open(&path, &options).err().unwrap().to_string();
    assert!(error.contains("`avdec_h265` does not decode video/x-h264") && error.contains("avdec_h264"), "{error}");
}

#[test]
fn annotated_pictures_become_a_video() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.mp4");
    // An odd width, which H.264 does not know and GStreamer pads.
    let size = PictureSize { width: 161, height: 90 };
    let mut writer = Mp4Writer::create(&path, size, 5.0).unwrap();
    for n in 0..20u64 {
        let picture = Picture::from_rgb(size, vec![(n * 12) as u8; size.pixels() * 3]).unwrap();
        writer.push(&picture, MediaTime::from_millis(7_000 + n * 200)).unwrap();
    }
    let other = PictureSize { width: 10, height: 10 };
    let wrong = writer.push(&Picture::from_rgb(other, vec![0; 300]).unwrap(), MediaTime::ZERO).unwrap_err();
    assert_eq!(wrong.to_string(), "cannot write a 10x10 picture into a 161x90 video");
    assert!(!path.exists(), "not before it is whole");
    assert_eq!(writer.finish().unwrap(), path.metadata().unwrap().len());

    let frames: Vec<_> = open(&path, DecodePolicy::Every).unwrap().map(Result::unwrap).collect();
    assert_eq!((frames.len(), frames[0].picture.size().to_string().as_str()), (20, "162x90"));
    assert!((frames[19].media_time.as_secs_f64() - 3.8).abs() < 0.01);
    assert!(frames[0].picture.rgb()[0] < 20 && frames[19].picture.rgb()[0] > 200, "grows lighter");

    drop(Mp4Writer::create(&folder.path().join("left.mp4"), size, 5.0).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a dropped writer leaves nothing");
}

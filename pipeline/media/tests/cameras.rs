//! Real cameras, as far as a loopback goes: each codec, transport and login, and each way to lose one.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic, also in its helpers")]

mod support;

use std::{net::TcpListener, time::Duration};

use gstreamer_rtsp::{RTSPAuthMethod, RTSPLowerTrans};
use matpho_media::{
    CameraStatus, ClipError, Codec, DecodePolicy, DecoderChoice, FileOptions, FileReader, Link, Location, Login, Transport, clip,
    probe::{self, ProbeError},
    still,
};
use matpho_scene::ClockSource;
use support::{H264_B_FRAMES, H265, Play, Server, Watched, config, live, live_h264, wait_for};

const ALL_KEYFRAMES: DecodePolicy = DecodePolicy::Keyframes { fps_max: f64::INFINITY };

#[test]
fn every_codec_comes_in_over_tcp_and_udp() {
    for (launch, codec) in [
        (live_h264(), Codec::H264),
        (live(&format!("{H265} ! rtph265pay pt=96")), Codec::H265),
        (live("jpegenc ! rtpjpegpay pt=26"), Codec::Mjpeg),
    ] {
        let server = Server::start(&Play::new(launch));
        for (transport, link) in [(Transport::Auto, Link::Tcp), (Transport::Udp, Link::Udp)] {
            let mut config = config(&server.url());
            config.transport = transport;
            config.picture_width_max = 160;
            let watched = Watched::start(config);
            watched.wait_live(0);
            let frames: Vec<_> = (0..5).map(|_| watched.next_frame()).collect();
            assert_eq!(frames[0].picture.size().to_string(), "160x120");
            assert!(frames.windows(2).all(|pair| pair[0].media_time < pair[1].media_time && pair[0].index < pair[1].index));
            // A white ball on black.
            assert!(
                frames[4].picture.rgb().iter().any(|byte| *byte > 200) && frames[4].picture.rgb().iter().any(|byte| *byte < 50)
            );
            let live = watched
                .said
                .lock()
                .iter()
                .find_map(|status| if let CameraStatus::Live(info) = status { Some(info.clone()) } else { None })
                .unwrap();
            assert_eq!((&live.codec, live.link, live.size.map(|size| size.to_string())), (&codec, link, Some("320x240".into())));
            assert!(!live.decoder.is_empty());
        }
    }
}

#[test]
fn logins_basic_and_digest() {
    for method in [RTSPAuthMethod::Basic, RTSPAuthMethod::Digest] {
        let play = Play { login: Some(("admin", "s3cr3t-päss@w", method)), ..Play::new(live_h264()) };
        let server = Server::start(&play);
        let with_login = |password: &str| {
            let mut config = config(&server.url());
            let Location::Rtsp { url, .. } = config.location else { unreachable!() };
            config.location = Location::Rtsp { url, login: Some(Login::new("admin", password)) };
            Watched::start(config)
        };
        with_login("s3cr3t-päss@w").wait_live(0);
        let wrong = with_login("wr0ng-one");
        let (reason, detail) = wrong.wait_lost(0);
        assert_eq!(reason, "unauthorized", "{method:?}: {detail}");
        assert!(!format!("{:?}", wrong.said.lock()).contains("wr0ng-one"), "a password was told: {detail}");
        let none = Watched::start(config(&server.url()));
        assert_eq!(none.wait_lost(0).0, "unauthorized", "{method:?} without a login");
    }
}

#[test]
fn wrong_addresses_and_streams_have_their_reasons() {
    let server = Server::start(&Play::new(live_h264()));
    let lost = |url: &str| Watched::start(config(url)).wait_lost(0);
    let said = lost(&format!("rtsp://127.0.0.1:{}/nothing-here", server.port));
    assert_eq!(said.0, "not_found", "{said:?}");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = lost(&format!("rtsp://127.0.0.1:{nobody}/live"));
    assert_eq!(said.0, "unreachable", "{said:?}");
    let said = lost("rtsp://no-such-host.invalid/live");
    assert_eq!(said.0, "unreachable", "{said:?}");

    let vp8 = Server::start(&Play::new(live("vp8enc deadline=1 ! rtpvp8pay pt=96")));
    let said = lost(&vp8.url());
    assert_eq!(said.0, "unsupported_codec", "{said:?}");
    let sound = Server::start(&Play::new("( audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay0 pt=8 )".into()));
    let said = lost(&sound.url());
    assert_eq!(said.0, "no_video", "{said:?}");
}

#[test]
fn auto_falls_back_to_udp_where_tcp_is_refused() {
    let server = Server::start(&Play { transports: Some(RTSPLowerTrans::UDP), ..Play::new(live_h264()) });
    let mut tcp_only = config(&server.url());
    tcp_only.transport = Transport::Tcp;
    let said = Watched::start(tcp_only).wait_lost(0);
    assert_eq!(said.0, "transport_refused", "{said:?}");
    let watched = Watched::start(config(&server.url()));
    watched.wait_status("Live over UDP", 0, |status| matches!(status, CameraStatus::Live(info) if info.link == Link::Udp));
}

#[test]
fn a_killed_camera_is_lost_and_then_live_again() {
    let mut play = Play::new(live_h264());
    let server = Server::start(&play);
    play.port = server.port;
    let watched = Watched::start(config(&server.url()));
    let live = watched.wait_live(0);
    let before = watched.next_frame();
    drop(server);
    watched.wait_lost(live);
    let server = Server::start(&play);
    watched.wait_live(live);
    let after = wait_for("a picture of the new connection", || {
        Some(watched.next_frame()).filter(|frame| frame.connection > before.connection)
    });
    assert!(after.media_time > before.media_time && after.index > before.index, "time and numbers go on over the gap");
    assert!(after.seen.at > before.seen.at);
    assert!(watched.camera.stats().attempts >= 2);

    // And it ends the stream politely.
    let seen = watched.said.lock().len();
    server.end_stream();
    watched.wait_lost(seen);
}

#[test]
fn a_hung_camera_is_found_out_by_the_watchdog() {
    // Accepts and never answers; says nothing at all, so only the watchdog can tell.
    let hung = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config_hung = config(&format!("rtsp://{}/live", hung.local_addr().unwrap()));
    config_hung.frame_age_max = Duration::from_millis(1500);
    let watched = Watched::start(config_hung);
    let (reason, _) = watched.wait_lost(0);
    assert!(matches!(reason.as_str(), "stalled" | "unreachable"), "{reason}");

    // Goes silent in the middle, and comes back.
    let server = Server::start(&Play::new(live_h264()));
    let mut config_silent = config(&server.url());
    config_silent.frame_age_max = Duration::from_millis(1500);
    let watched = Watched::start(config_silent);
    let live = watched.wait_live(0);
    server.set_silent(true);
    assert_eq!(watched.wait_lost(live).0, "stalled");
    assert!(watched.camera.stats().unit_age_ms.unwrap() > 1000, "the age of a dead camera grows");
    server.set_silent(false);
    watched.wait_live(live);
    assert_eq!(watched.camera.stats().losses[0].0, "stalled");
}

#[test]
fn keyframes_alone_are_decoded_and_come_at_once() {
    for (encode, pay) in [(support::H264, "rtph264pay"), (H264_B_FRAMES, "rtph264pay"), (H265, "rtph265pay")] {
        let server = Server::start(&Play::new(live(&format!("{encode} ! {pay} pt=96 config-interval=-1"))));
        let mut config = config(&server.url());
        config.decode = ALL_KEYFRAMES;
        let watched = Watched::start(config);
        let frames: Vec<_> = (0..4).map(|_| watched.next_frame()).collect();
        assert!(frames.iter().all(|frame| frame.keyframe), "{encode}");
        assert!(
            frames.windows(2).all(|pair| pair[1].index > pair[0].index && (pair[1].index - pair[0].index) % 10 == 0),
            "{encode}: a keyframe each 10 pictures"
        );
        // Not held back by the decoder until the next keyframe, 10 pictures later.
        let newest = watched.camera.stats().units;
        assert!(newest - frames[3].index < 8, "{encode}: picture {} of {newest}", frames[3].index);
        let stats = watched.camera.stats();
        assert!(stats.decoded <= stats.keyframes && stats.skipped >= stats.keyframes * 5, "{encode}: {stats:?}");
        assert_eq!((stats.damaged, stats.shed), (0, 0), "{encode}: {stats:?}");
    }
}

#[test]
fn policies_change_without_a_new_connection() {
    let server = Server::start(&Play::new(live_h264()));
    let mut config = config(&server.url());
    config.decode = ALL_KEYFRAMES;
    let watched = Watched::start(config);
    let camera = &watched.camera;
    watched.wait_live(0);
    assert!(watched.next_frame().keyframe);
    camera.set_policy(DecodePolicy::Every);
    wait_for("delta pictures", || Some(watched.next_frame()).filter(|frame| !frame.keyframe));
    camera.set_policy(DecodePolicy::AtMost { fps: 5.0 });
    wait_for("thinned pictures", || (camera.stats().thinned > 20).then_some(()));
    camera.set_policy(DecodePolicy::Nothing);
    let mut decoded = u64::MAX;
    wait_for("silence", || {
        let now = camera.stats();
        let same = now.decoded == decoded;
        decoded = now.decoded;
        std::thread::sleep(Duration::from_millis(200));
        same.then_some(())
    });
    let units = camera.stats().units;
    wait_for("encoded pictures to go on", || (camera.stats().units > units + 10).then_some(()));
    camera.set_policy(ALL_KEYFRAMES);
    wait_for("keyframes again", || (camera.stats().decoded > decoded).then_some(()));
    assert_eq!(camera.stats().attempts, 1);
}

#[test]
fn a_slow_consumer_never_holds_a_camera_up() {
    let server = Server::start(&Play::new(live_h264()));
    let watched = Watched::start(config(&server.url()));
    let first = watched.next_frame();
    // Nobody takes anything for two seconds' worth of pictures.
    wait_for("pictures", || (watched.camera.stats().units > first.index + 50).then_some(()));
    let stats = watched.camera.stats();
    assert!(stats.slot_dropped >= 30, "{stats:?}");
    assert!(stats.unit_age_ms.unwrap() < 2000 && stats.decoded_age_ms.unwrap() < 2000, "{stats:?}");
    let next = watched.next_frame();
    assert!(
        next.index + 15 > watched.camera.stats().units,
        "the newest wins: {} of {}",
        next.index,
        watched.camera.stats().units
    );
    assert_eq!(watched.camera.stats().losses, []);
}

#[test]
fn what_rests_on_lost_packets_is_not_shown() {
    // Small packets, one in two hundred lost: most groups of pictures are hit somewhere.
    let lossy = live(&format!("{} ! rtph264pay pt=96 mtu=300 ! identity drop-probability=0.005", support::H264));
    let server = Server::start(&Play::new(lossy));
    let watched = Watched::start(config(&server.url()));
    wait_for("damage", || (watched.camera.stats().damaged > 10).then_some(()));
    let stats = watched.camera.stats();
    assert!(stats.decoded + stats.damaged + stats.skipped <= stats.units, "{stats:?}");
    assert!(stats.decoded > 0 && stats.losses.is_empty(), "{stats:?}");
}

#[test]
fn pictures_carry_the_cameras_time() {
    let server = Server::start(&Play::new(live_h264()));
    let watched = Watched::start(config(&server.url()));
    let by_camera =
        wait_for("a sender report", || Some(watched.next_frame()).filter(|frame| frame.seen.clock == ClockSource::Rtcp));
    let now = matpho_scene::WallTime::from(std::time::SystemTime::now());
    assert!(
        now.signed_since(by_camera.seen.at).abs() < std::time::Duration::from_secs(2).try_into().unwrap(),
        "{:?} at {now}",
        by_camera.seen
    );
    assert!(by_camera.seen.uncertainty_ms >= 100);
    assert!(watched.camera.stats().clock_offset_ms.unwrap().abs() < 1000, "{:?}", watched.camera.stats());
}

#[test]
fn a_clock_that_was_never_set_is_not_believed() {
    let server = Server::start(&Play { clock_never_set: true, ..Play::new(live_h264()) });
    let watched = Watched::start(config(&server.url()));
    let offset = wait_for("a sender report", || watched.camera.stats().clock_offset_ms);
    assert!(offset < -1_000_000_000_000, "years off: {offset} ms");
    let frame = watched.next_frame();
    assert_eq!(frame.seen.clock, ClockSource::Arrival);
    assert!(matpho_scene::WallTime::from(std::time::SystemTime::now()).since(frame.seen.at) < Duration::from_secs(2));
}

#[test]
fn the_ring_gives_clips_that_play() {
    let folder = tempfile::tempdir().unwrap();
    for (name, launch, codec, reencoded) in [
        ("h264", live_h264(), Codec::H264, false),
        ("h264b", live(&format!("{H264_B_FRAMES} ! rtph264pay pt=96 config-interval=-1")), Codec::H264, false),
        ("h265", live(&format!("{H265} ! rtph265pay pt=96")), Codec::H265, false),
        ("mjpeg", live("jpegenc ! rtpjpegpay pt=26"), Codec::H264, true),
    ] {
        let server = Server::start(&Play::new(launch));
        let mut config = config(&server.url());
        config.decode = DecodePolicy::Nothing;
        let watched = Watched::start(config);
        let ring = watched.camera.ring();
        let (from, to) = wait_for("three seconds", || ring.span().filter(|(from, to)| to.since(*from) > Duration::from_secs(3)));
        let taken = ring.clip(from + Duration::from_millis(900), to).unwrap();
        assert!(taken.units()[0].keyframe);
        let path = folder.path().join(format!("{name}.mp4"));
        let written = clip::write_mp4(&taken, &path).unwrap();
        assert_eq!((&written.codec, written.reencoded), (&codec, reencoded), "{name}");
        assert_eq!(written.bytes, path.metadata().unwrap().len());

        let mut reader = FileReader::open(&path, &FileOptions::new(DecodePolicy::Every, 320)).unwrap();
        assert_eq!((&reader.info().codec, reader.info().size.to_string()), (&codec, "320x240".into()), "{name}");
        let times: Vec<_> = reader.by_ref().map(|frame| frame.unwrap().media_time).collect();
        assert_eq!(times.len(), taken.units().len(), "{name}: every picture decodes");
        let played = times[times.len() - 1].since(times[0]);
        assert!(played.abs_diff(taken.duration()) < Duration::from_millis(50), "{name}: {played:?} of {:?}", taken.duration());
        assert!(!path.with_extension("mp4.part").exists());

        let picture = still::decode(&ring.keyframe_at(to).unwrap(), &DecoderChoice::Auto, 4000).unwrap();
        assert_eq!(picture.size().to_string(), "320x240", "{name}");
        let exact = still::decode(&ring.clip(to, to).unwrap(), &DecoderChoice::Auto, 100).unwrap();
        assert_eq!(exact.size().width, 100, "{name}");
        assert!(matches!(
            ring.clip(from - Duration::from_secs(60), from - Duration::from_secs(30)),
            Err(ClipError::NotHeld { .. })
        ));
    }
}

#[test]
fn a_clip_that_cannot_be_written_says_where() {
    let server = Server::start(&Play::new(live_h264()));
    let watched = Watched::start(config(&server.url()));
    watched.next_frame();
    let taken =
        wait_for("a keyframe", || watched.camera.ring().keyframe_at(matpho_scene::WallTime::from(std::time::SystemTime::now())));
    let error = clip::write_mp4(&taken, std::path::Path::new("/no/such/folder/a.mp4")).unwrap_err();
    assert!(error.to_string().contains("/no/such/folder/a.mp4"), "{error}");
}

#[test]
fn a_probe_measures_what_a_camera_sends() {
    let server = Server::start(&Play::new(live_h264()));
    let mut pictures = 0;
    let report = probe::probe(config(&server.url()), Duration::from_secs(3), &mut |_| pictures += 1).unwrap();
    assert_eq!((&report.codec, report.link, report.size.unwrap().to_string()), (&Codec::H264, Link::Tcp, "320x240".into()));
    assert!((23.0..27.0).contains(&report.fps), "{report:?}");
    let distance = report.keyframe_distance_max.unwrap();
    assert!(distance.abs_diff(Duration::from_millis(400)) < Duration::from_millis(60), "{report:?}");
    assert!(report.bitrate_kbps > 5.0 && report.bitrate_kbps < 5000.0, "{report:?}");
    assert!(pictures > 20, "{pictures}");

    let error =
        probe::probe(config(&format!("rtsp://127.0.0.1:{}/nothing-here", server.port)), Duration::from_secs(1), &mut |_| {})
            .unwrap_err();
    assert!(matches!(error, ProbeError::Lost { .. }) && error.to_string().contains("does not know this path"), "{error}");
}

#[test]
fn a_file_plays_as_a_camera_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    support::clip(&path, 25, &format!("{H264_B_FRAMES} ! mp4mux"));
    let watched = Watched::start(config(path.to_str().unwrap()));
    let live = watched.wait_live(0);
    assert_eq!(watched.wait_lost(live).0, "eos");
    watched.wait_live(live);
    let frame = wait_for("the second round", || Some(watched.next_frame()).filter(|frame| frame.connection == 2));
    assert!(frame.index >= 25);
    assert_eq!(frame.seen.clock, ClockSource::File);
}

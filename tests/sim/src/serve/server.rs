//! A camera's own RTSP server: one shared media, fed by whoever holds the `Tap`.

use std::sync::Arc;

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;
use gstreamer_rtsp::RTSPAuthMethod;
use gstreamer_rtsp_server::prelude::*;
use gstreamer_rtsp_server::{RTSPAuth, RTSPMedia, RTSPMediaFactory, RTSPServer, RTSPToken};
use parking_lot::Mutex;

use super::city::CityError;
use crate::scenario::{Camera, Codec, Login, Scheme};

/// Where a camera's pictures go while somebody watches.
#[derive(Debug, Clone, Default)]
pub(super) struct Tap {
    source: Arc<Mutex<Option<AppSrc>>>,
    /// Seconds that the RTCP clock runs ahead of the truth.
    skew_s: Arc<Mutex<f64>>,
}

impl Tap {
    /// The way to the watchers, if there are any.
    pub fn open(&self) -> Option<AppSrc> {
        self.source.lock().clone()
    }
    pub fn skew(&self, seconds: f64) {
        *self.skew_s.lock() = seconds;
    }
}

/// What a server serves.
pub(super) enum Stream<'a> {
    /// Pictures as planar 4:2:0, encoded as the camera says.
    Raw(&'a Camera),
    /// H.264 as it comes.
    Coded(&'a gst::Caps),
}

pub(super) struct Server {
    server: RTSPServer,
    login: Option<Login>,
}

fn launch(stream: &Stream<'_>) -> String {
    let source =
        "appsrc name=source is-live=true format=time min-latency=0 block=false max-bytes=0 max-buffers=8 leaky-type=downstream";
    match stream {
        Stream::Coded(_) => {
            format!("( {source} ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 config-interval=-1 )")
        }
        Stream::Raw(c) => {
            let key = (c.keyframe_s * f64::from(c.fps)).round().max(1.0) as u32;
            let rate = c.bitrate_kbps;
            let coded = match c.codec {
                Codec::H264 => format!(
                    "x264enc tune=zerolatency speed-preset=ultrafast threads=1 key-int-max={key} bitrate={rate} ! video/x-h264,profile=baseline ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 config-interval=-1"
                ),
                Codec::H265 => format!(
                    "x265enc tune=zerolatency speed-preset=ultrafast key-int-max={key} bitrate={rate} option-string=pools=1:frame-threads=1:log-level=0 ! h265parse config-interval=-1 ! rtph265pay name=pay0 pt=96 config-interval=-1"
                ),
                Codec::Mjpeg => "jpegenc quality=78 ! rtpjpegpay name=pay0 pt=26".to_owned(),
            };
            format!(
                "( {source} do-timestamp=true caps=\"video/x-raw,format=I420,width={},height={},framerate={}/1,colorimetry=bt601,interlace-mode=progressive\" ! {coded} )",
                c.width, c.height, c.fps
            )
        }
    }
}

impl Server {
    /// Starts a server for `camera` on a free port of this machine, run by `context`.
    pub fn start(
        camera: &str,
        stream: &Stream<'_>,
        login: Option<&Login>,
        tap: &Tap,
        context: &glib::MainContext,
    ) -> Result<(Self, u16), CityError> {
        let failed = |what: &str| CityError::Serve { camera: camera.into(), what: what.into() };
        let factory = RTSPMediaFactory::new();
        factory.set_launch(&launch(stream));
        factory.set_shared(true);
        // No end of stream is waited for when the last watcher leaves: a cut connection may never let it through, and what is shared would stay
        // "being taken down" (503) for good.
        factory.set_eos_shutdown(false);
        factory.add_role_from_structure(
            &gst::Structure::builder("viewer").field("media.factory.access", true).field("media.factory.construct", true).build(),
        );
        let caps = match stream {
            Stream::Coded(c) => Some((*c).clone()),
            Stream::Raw(_) => None,
        };
        let feed = tap.clone();
        factory.connect_media_configure(move |_, media| configure(media, &feed, caps.as_ref()));
        let server = RTSPServer::new();
        server.set_address("127.0.0.1");
        server.set_service("0");
        let mounts = server.mount_points().ok_or_else(|| failed("the RTSP server has no mount points"))?;
        mounts.add_factory(&format!("/{camera}"), factory);
        let s = Self { server, login: login.cloned() };
        s.demand(s.login.as_ref());
        s.server.attach(Some(context)).map_err(|e| failed(&e.to_string()))?;
        let port = u16::try_from(s.server.bound_port()).map_err(|_| failed("no port could be bound"))?;
        Ok((s, port))
    }
    /// Asks for another password than the right one, or for the right one again.
    pub fn lock_out(&self, out: bool) {
        if out {
            let mut login =
                self.login.clone().unwrap_or(Login { user: "nobody".into(), password: String::new(), scheme: Scheme::Digest });
            login.password.push_str("-changed");
            self.demand(Some(&login));
        } else {
            self.demand(self.login.as_ref());
        }
    }
    fn demand(&self, login: Option<&Login>) {
        let Some(login) = login else {
            self.server.set_auth(None::<&RTSPAuth>);
            return;
        };
        let auth = RTSPAuth::new();
        let token = RTSPToken::builder().field("media.factory.role", "viewer").build();
        match login.scheme {
            Scheme::Digest => {
                auth.set_supported_methods(RTSPAuthMethod::Digest);
                auth.add_digest(&login.user, &login.password, &token);
            }
            Scheme::Basic => {
                auth.set_supported_methods(RTSPAuthMethod::Basic);
                auth.add_basic(&RTSPAuth::make_basic(&login.user, &login.password), &token);
            }
        }
        self.server.set_auth(Some(&auth));
    }
}

fn configure(media: &RTSPMedia, tap: &Tap, caps: Option<&gst::Caps>) {
    let Some(source) = media
        .element()
        .dynamic_cast::<gst::Bin>()
        .ok()
        .and_then(|b| b.by_name("source"))
        .and_then(|e| e.dynamic_cast::<AppSrc>().ok())
    else {
        tracing::error!("the media has no source");
        return;
    };
    if let Some(caps) = caps {
        source.set_caps(Some(caps));
    }
    *tap.source.lock() = Some(source.clone());
    let skew = tap.skew_s.clone();
    media.connect_prepared(move |media| skew_reports(media, &skew));
    let tap = tap.clone();
    media.connect_unprepared(move |_| {
        let mut held = tap.source.lock();
        if held.as_ref() == Some(&source) {
            *held = None;
        }
    });
}

/// Moves the wall clock that sender reports tell, by however much `skew` says at the moment.
fn skew_reports(media: &RTSPMedia, skew: &Arc<Mutex<f64>>) {
    let Some(pipeline) = media.element().parent().and_downcast::<gst::Bin>() else { return };
    for element in pipeline.iterate_elements().into_iter().flatten().filter(|e| e.name().starts_with("rtpbin")) {
        for pad in element.iterate_src_pads().into_iter().flatten().filter(|p| p.name().starts_with("send_rtcp_src")) {
            let skew = skew.clone();
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                let seconds = *skew.lock();
                if seconds != 0.0
                    && let Some(buffer) = info.buffer_mut()
                    && let Ok(mut map) = buffer.make_mut().map_writable()
                {
                    move_report(&mut map, seconds);
                }
                gst::PadProbeReturn::Ok
            });
        }
    }
}

/// Adds seconds to the NTP time of each sender report of a compound RTCP packet (RFC 3550 §6.4.1).
pub(super) fn move_report(packet: &mut [u8], seconds: f64) {
    let mut at = 0;
    while at + 4 <= packet.len() {
        let words = usize::from(u16::from_be_bytes([packet[at + 2], packet[at + 3]])) + 1;
        let end = at + words * 4;
        if packet[at + 1] == 200 && at + 16 <= packet.len() {
            let mut field = [0; 8];
            field.copy_from_slice(&packet[at + 8..at + 16]);
            // Fixed point, 32 bits of fraction.
            let moved = u64::from_be_bytes(field).wrapping_add((seconds * 4_294_967_296.0) as i64 as u64);
            packet[at + 8..at + 16].copy_from_slice(&moved.to_be_bytes());
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::move_report;

    #[test]
    fn only_sender_reports_are_moved() {
        // A sender report (28 bytes) and an SDES chunk (8 bytes).
        let mut packet = vec![0x80, 200, 0, 6, 0, 0, 0, 1, 0, 0, 0, 10, 0x80, 0, 0, 0];
        packet.extend([0; 12]);
        packet.extend([0x81, 202, 0, 1, 9, 9, 9, 9]);
        let mut moved = packet.clone();
        move_report(&mut moved, -2.5);
        assert_eq!(moved[8..16], [0, 0, 0, 8, 0, 0, 0, 0]);
        moved[8..16].copy_from_slice(&packet[8..16]);
        assert_eq!(moved, packet);
        move_report(&mut [0x80, 200, 0, 6, 1], 1.0);
    }
}

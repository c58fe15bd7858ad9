//! A camera to measure with: serves an H.264 file over RTSP, once for each viewer from its start.
//!
//! ```sh
//! cargo run -p matpho-media --example serve -- street.mp4 8554    # rtsp://127.0.0.1:8554/live
//! ```

use std::{env, process::ExitCode};

use gstreamer::glib;
use gstreamer_rtsp_server::{RTSPMediaFactory, RTSPServer, prelude::*};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [path, port] = arguments.as_slice() else {
        eprintln!("usage: serve FILE.mp4 PORT");
        return ExitCode::from(2);
    };
    if let Err(error) = matpho_media::init() {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    let server = RTSPServer::new();
    server.set_service(port);
    let factory = RTSPMediaFactory::new();
    factory.set_launch(&format!(
        "( filesrc location=\"{path}\" ! qtdemux ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 )"
    ));
    let Some(mounts) = server.mount_points() else { return ExitCode::FAILURE };
    mounts.add_factory("/live", factory);
    if let Err(error) = server.attach(None) {
        eprintln!("port {port}: {error}");
        return ExitCode::FAILURE;
    }
    glib::MainLoop::new(None, false).run();
    ExitCode::SUCCESS
}

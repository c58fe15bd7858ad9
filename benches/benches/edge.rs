//! What the gateway costs as a whole: CPU seconds per camera-minute and resident memory, on 1080p25 H.264 over RTSP.
fn main() {}

//! What GStreamer's error messages mean: a [`Reason`] for people and metrics, and the detail, without credentials.

use gstreamer::{self as gst, glib};

use crate::status::Reason;

/// Why a pipeline is at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub reason: Reason,
    /// May be empty; never holds a password once [`crate::config::Login::scrub`] went over it.
    pub detail: String,
}

impl Failure {
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// Of no known kind.
    pub fn other(detail: impl ToString) -> Self {
        Self::new(Reason::Other, detail.to_string())
    }

    /// From an ERROR message on a bus.
    pub fn from_message(message: &gst::message::Error) -> Self {
        let error = message.error();
        let debug = message.debug().map(|debug| debug.to_string()).unwrap_or_default();
        // The last line says what happened, those before say where in GStreamer's source.
        let last = debug.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        let detail = if last.is_empty() { error.message().to_owned() } else { format!("{} ({last})", error.message()) };
        Self::new(reason_of(&error, &debug), detail)
    }
}

fn reason_of(error: &glib::Error, debug: &str) -> Reason {
    use gst::{CoreError, ResourceError, StreamError};
    let says = |needle| debug.contains(needle) || error.message().contains(needle);
    if says("(401)") || says("(403)") {
        return Reason::Unauthorized;
    }
    if says("(404)") {
        return Reason::NotFound;
    }
    if says("(461)") || says("nsupported transport") || says("nsupported Transport") {
        return Reason::TransportRefused;
    }
    match (error.kind::<ResourceError>(), error.kind::<StreamError>(), error.kind::<CoreError>()) {
        (Some(ResourceError::NotAuthorized), ..) => Reason::Unauthorized,
        (Some(ResourceError::NotFound), ..) => Reason::NotFound,
        (Some(ResourceError::Settings), ..) => Reason::TransportRefused,
        // "Could not receive any UDP packets": the camera is there, its datagrams are not.
        (Some(ResourceError::Read), ..) if says("UDP packets") => Reason::Stalled,
        (Some(_), ..) => Reason::Unreachable,
        (_, Some(StreamError::CodecNotFound | StreamError::WrongType), _) => Reason::UnsupportedCodec(String::from("unknown")),
        (_, Some(StreamError::Decode | StreamError::Format), _) => Reason::Decode,
        (_, _, Some(CoreError::MissingPlugin)) => Reason::UnsupportedCodec(String::from("unknown")),
        _ => Reason::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_reasons() {
        crate::init().unwrap();
        let resource = |kind| glib::Error::new::<gst::ResourceError>(kind, "x");
        for (error, debug, expected) in [
            (resource(gst::ResourceError::NotAuthorized), "", Reason::Unauthorized),
            (resource(gst::ResourceError::Failed), "src.c(1): f (): /a:\nUnauthorized (401)", Reason::Unauthorized),
            (resource(gst::ResourceError::Read), "Not Found (404)", Reason::NotFound),
            (resource(gst::ResourceError::OpenReadWrite), "Failed to connect. (Generic error)", Reason::Unreachable),
            (resource(gst::ResourceError::Read), "Could not receive any UDP packets for 5.0000 seconds", Reason::Stalled),
            (glib::Error::new(gst::StreamError::Decode, "x"), "", Reason::Decode),
            (glib::Error::new(gst::StreamError::Failed, "x"), "streaming stopped, reason error (-5)", Reason::Other),
        ] {
            assert_eq!(reason_of(&error, debug), expected, "{debug}");
        }
    }
}

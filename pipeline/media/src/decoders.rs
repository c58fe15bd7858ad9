//! Which element decodes: hardware first, then software by GStreamer's rank; or the one that was named.

use gstreamer::{self as gst, prelude::*};

use crate::config::DecoderChoice;

/// Elements of hardware decoders, by how their names begin. Several are ranked below software by their makers, which suits desktops, not gateways.
const HARDWARE: [&str; 9] = ["va", "nv", "v4l2", "qsv", "msdk", "mpp", "omx", "amf", "vulkan"];

/// There is no decoder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecoderError {
    /// The named element does not exist.
    #[error("there is no decoder `{name}` on this machine; there are: {}", existing.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// Those that exist for H.264, H.265 and MJPEG.
        existing: Vec<String>,
    },
    /// The named element does not decode this.
    #[error("decoder `{name}` does not decode {media}; these do: {}", existing.join(", "))]
    Unfit {
        /// The name asked for.
        name: String,
        /// The stream's media type.
        media: String,
        /// Those that do.
        existing: Vec<String>,
    },
    /// Nothing decodes this.
    #[error("no decoder for {media} is installed")]
    None {
        /// The stream's media type.
        media: String,
    },
}

/// The decoders of this machine for a media type, the best first.
fn fitting(caps: &gst::CapsRef) -> Vec<gst::ElementFactory> {
    let types = gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_VIDEO | gst::ElementFactoryType::MEDIA_IMAGE;
    let mut found: Vec<_> = gst::ElementFactory::factories_with_type(types, gst::Rank::NONE)
        .into_iter()
        .filter(|factory| factory.can_sink_any_caps(caps))
        .filter(|factory| is_hardware(&factory.name()) || factory.rank() > gst::Rank::NONE)
        .collect();
    found.sort_by_key(|factory| std::cmp::Reverse((is_hardware(&factory.name()), factory.rank(), factory.name())));
    found
}

fn is_hardware(name: &str) -> bool {
    HARDWARE.iter().any(|prefix| name.starts_with(prefix))
}

fn names(factories: &[gst::ElementFactory]) -> Vec<String> {
    factories.iter().map(|factory| factory.name().to_string()).collect()
}

/// The names of this machine's decoders for H.264, H.265 and MJPEG, the best first.
pub fn available() -> Vec<String> {
    let mut all = Vec::new();
    for media in ["video/x-h264", "video/x-h265", "image/jpeg"] {
        for name in names(&fitting(&gst::Caps::new_empty_simple(media))) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
    }
    all
}

/// Is this choice possible at all? Asked once, when a camera is set up.
pub fn check(choice: &DecoderChoice) -> Result<(), DecoderError> {
    match choice {
        DecoderChoice::Named(name) if gst::ElementFactory::find(name).is_none() => {
            Err(DecoderError::Unknown { name: name.clone(), existing: available() })
        }
        DecoderChoice::Auto | DecoderChoice::Named(_) => Ok(()),
    }
}

/// Makes a decoder for `caps`. `failed` of the best ones did not work before and are passed over, in turn. Software decoders get `threads` threads (0: as many as they like).
pub fn make(choice: &DecoderChoice, caps: &gst::CapsRef, failed: usize, threads: i32) -> Result<gst::Element, DecoderError> {
    let media = || caps.structure(0).map(|structure| structure.name().to_string()).unwrap_or_default();
    let fitting = fitting(caps);
    let factory = match choice {
        DecoderChoice::Auto if fitting.is_empty() => return Err(DecoderError::None { media: media() }),
        DecoderChoice::Auto => fitting[failed % fitting.len()].clone(),
        DecoderChoice::Named(name) => {
            let existing = names(&fitting);
            let factory = gst::ElementFactory::find(name)
                .ok_or_else(|| DecoderError::Unknown { name: name.clone(), existing: available() })?;
            if !factory.can_sink_any_caps(caps) {
                return Err(DecoderError::Unfit { name: name.clone(), media: media(), existing });
            }
            factory
        }
    };
    let decoder = factory.create().build().map_err(|_| DecoderError::None { media: media() })?;
    if decoder.has_property("max-threads") {
        // One thread costs the least CPU for the picture; many cameras keep many cores busy anyway.
        decoder.set_property("max-threads", threads);
    }
    if decoder.has_property("output-corrupt") {
        decoder.set_property("output-corrupt", false);
    }
    Ok(decoder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_comes_first_and_software_is_there() {
        crate::init().unwrap();
        assert!(is_hardware("vah264dec") && is_hardware("nvh265dec") && !is_hardware("avdec_h264"));
        let all = available();
        for name in ["avdec_h264", "avdec_h265", "jpegdec"] {
            assert!(all.iter().any(|known| known == name), "{name} in {all:?}");
        }
    }

    #[test]
    fn a_wrong_decoder_is_refused_with_what_exists() {
        crate::init().unwrap();
        let unknown = check(&DecoderChoice::Named("nosuchdec".into())).unwrap_err().to_string();
        assert!(unknown.contains("`nosuchdec`") && unknown.contains("avdec_h264"), "{unknown}");
        let caps = gst::Caps::new_empty_simple("image/jpeg");
        let unfit = make(&DecoderChoice::Named("avdec_h264".into()), &caps, 0, 1).unwrap_err().to_string();
        assert!(unfit.contains("does not decode image/jpeg") && unfit.contains("jpegdec"), "{unfit}");
    }

    #[test]
    fn after_a_failure_the_next_best_is_taken() {
        crate::init().unwrap();
        let caps = gst::Caps::new_empty_simple("video/x-h264");
        let name = |failed| make(&DecoderChoice::Auto, &caps, failed, 1).unwrap().factory().unwrap().name();
        assert_ne!(name(0), name(1));
        assert_eq!(name(0), name(fitting(&caps).len()), "in turn");
    }
}

//! Reads a message: topic and payload must agree on who speaks of what.

use bytes::Bytes;
use matpho_scene::CameraId;
use matpho_wire::{
    Address, CameraStatus, CloudEvent, EdgeStatus, EventData, EvidenceData, MeasurementData, Reply, Topic, topic::Channel,
};

/// A message that was understood.
pub enum Message {
    /// Of `events`.
    Event(Box<CloudEvent<EventData>>),
    /// Of `measurements`.
    Measurement(Box<CloudEvent<MeasurementData>>),
    /// Of `evidence/{event}`, with the JPEG, which matches its hash.
    Evidence(Box<EvidenceData>, Bytes),
    /// Of `status`.
    EdgeStatus(Box<CloudEvent<EdgeStatus>>),
    /// Of `cameras/{camera}/status`.
    CameraStatus(Box<CloudEvent<CameraStatus>>),
    /// Of `cameras/{camera}/picture`, with the JPEG.
    Picture(Box<EvidenceData>, Bytes),
    /// Of `replies`.
    Reply(Reply),
    /// An empty one: somebody cleared a retained topic.
    Cleared,
}

impl Message {
    /// Its place in `metrics::MESSAGE_KINDS`.
    pub fn kind_index(&self) -> Option<usize> {
        match self {
            Self::Event(_) => Some(0),
            Self::Measurement(_) => Some(1),
            Self::Evidence(..) => Some(2),
            Self::EdgeStatus(_) => Some(3),
            Self::CameraStatus(_) => Some(4),
            Self::Picture(..) => Some(5),
            Self::Reply(_) => Some(6),
            Self::Cleared => None,
        }
    }
}

/// Reads a message. The error says, for a person, what is wrong with it.
pub fn read(topic: &str, payload: &[u8]) -> Result<(Address, Message), String> {
    let topic: Topic = topic.parse().map_err(|error: matpho_wire::topic::TopicError| error.to_string())?;
    let address = topic.address;
    if payload.is_empty() && topic.channel.is_retained() {
        return Ok((address, Message::Cleared));
    }
    let message = match &topic.channel {
        Channel::Events => Message::Event(Box::new(envelope(&address, payload)?)),
        Channel::Measurements => Message::Measurement(Box::new(envelope(&address, payload)?)),
        Channel::Evidence(event) => {
            let data = envelope::<EvidenceData>(&address, payload)?.data;
            if data.event != Some(*event) {
                return Err(format!("its topic is about event {event}, its data about {}", or_none(data.event.as_ref())));
            }
            let jpeg = data.unpack().map_err(|error| error.to_string())?;
            Message::Evidence(Box::new(without_jpeg(data)), jpeg.into())
        }
        Channel::Status => {
            let message: CloudEvent<EdgeStatus> = envelope(&address, payload)?;
            if message.data.edge != address.edge {
                return Err(format!("its topic is about gateway {}, its data about {}", address.edge, message.data.edge));
            }
            Message::EdgeStatus(Box::new(message))
        }
        Channel::CameraStatus(camera) => {
            let message: CloudEvent<CameraStatus> = envelope(&address, payload)?;
            same_camera(camera, &message.data.camera)?;
            if let Some([longitude, latitude]) = message.data.position
                && !((-180.0..=180.0).contains(&longitude) && (-90.0..=90.0).contains(&latitude))
            {
                return Err(format!("position [{longitude}, {latitude}] is not on the earth: [longitude, latitude] is expected"));
            }
            Message::CameraStatus(Box::new(message))
        }
        Channel::CameraPicture(camera) => {
            let data = envelope::<EvidenceData>(&address, payload)?.data;
            same_camera(camera, &data.camera)?;
            let jpeg = data.unpack().map_err(|error| error.to_string())?;
            Message::Picture(Box::new(without_jpeg(data)), jpeg.into())
        }
        Channel::Replies => Message::Reply(envelope::<Reply>(&address, payload)?.data),
        Channel::Config | Channel::Commands => return Err("it goes from the centre to gateways, not the other way".into()),
    };
    Ok((address, message))
}

fn envelope<T: matpho_wire::envelope::Message>(address: &Address, payload: &[u8]) -> Result<CloudEvent<T>, String> {
    let message = CloudEvent::<T>::from_json(payload).map_err(|error| error.to_string())?;
    let own = address.source();
    let is_own = message.source.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if is_own { Ok(message) } else { Err(format!("its source `{}` is not the gateway of its topic, `{own}`", message.source)) }
}

fn same_camera(topic: &CameraId, data: &CameraId) -> Result<(), String> {
    if topic == data { Ok(()) } else { Err(format!("its topic is about camera {topic}, its data about {data}")) }
}

fn or_none(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| "none".into(), ToString::to_string)
}

/// The text of the picture is a third of a megabyte that nobody needs again.
fn without_jpeg(data: EvidenceData) -> EvidenceData {
    EvidenceData { jpeg_base64: String::new(), ..data }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../pipeline/wire/golden");

    fn golden(name: &str) -> String {
        std::fs::read_to_string(format!("{GOLDEN}/{name}.json")).unwrap()
    }

    fn complaint(topic: &str, payload: &str) -> String {
        match read(topic, payload.as_bytes()) {
            Ok(_) => panic!("{topic} took {payload}"),
            Err(reason) => reason,
        }
    }

    #[test]
    fn golden_messages_are_understood() {
        let event = "01a1fd1e-8c00-7707-8707-070707070707";
        for (tail, name, kind) in [
            ("events", "event_began", 0),
            ("events", "event_ended", 0),
            ("events", "event_congestion", 0),
            ("measurements", "measurement_traffic", 1),
            (&format!("evidence/{event}"), "evidence", 2),
            ("status", "edge_status", 3),
            ("cameras/cam-3/status", "camera_status", 4),
            ("replies", "reply", 6),
        ] {
            let (address, message) = read(&format!("matpho/v1/tdm/gw-01/{tail}"), golden(name).as_bytes())
                .unwrap_or_else(|reason| panic!("{name}: {reason}"));
            assert_eq!((address.to_string().as_str(), message.kind_index()), ("tdm/gw-01", Some(kind)), "{name}");
        }
        assert!(matches!(read("matpho/v1/tdm/gw-01/status", b""), Ok((_, Message::Cleared))));
    }

    #[test]
    fn a_gateway_speaks_for_itself_alone() {
        let event = golden("event_began");
        assert!(complaint("matpho/v1/tdm/gw-02/events", &event).contains("is not the gateway of its topic"));
        assert!(complaint("matpho/v1/tdm/gw-0/events", &event).contains("is not the gateway of its topic"));
        assert!(complaint("matpho/v1/tdm/gw-01/cameras/cam-4/status", &golden("camera_status")).contains("cam-4"));
        let other = "matpho/v1/tdm/gw-01/evidence/01a1fd1e-8c00-7707-8707-070707070708";
        assert!(complaint(other, &golden("evidence")).contains("is about event 01a1fd1e-8c00-7707-8707-070707070708"));
        assert!(complaint("matpho/v1/tdm/gw-01/commands", "{}").contains("from the centre to gateways"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(complaint("matpho/v1/tdm/gw-01/events", "hello").contains("line 1 column 1"));
        assert!(
            complaint("matpho/v1/tdm/gw-01/events", &golden("event_began").replace("fire.flame\",", "fire.volcano\","))
                .contains("fire.volcano")
        );
        assert!(complaint("other/topic", "{}").contains("is not a topic of matpho/v1"));
        let broken = golden("evidence").replace("/9j/2Q==", "/9j/2A==");
        assert!(
            complaint("matpho/v1/tdm/gw-01/evidence/01a1fd1e-8c00-7707-8707-070707070707", &broken).contains("does not match")
        );
        let nowhere = golden("camera_status").replace("106.65", "1066.5");
        assert!(complaint("matpho/v1/tdm/gw-01/cameras/cam-3/status", &nowhere).contains("not on the earth"));
    }

    proptest! {
        #[test]
        fn wild_payloads_never_panic(at in 0usize..2000, byte: u8, tail in "(events|measurements|status|replies)") {
            let mut payload = golden("event_began").into_bytes();
            let index = at % payload.len();
            payload[index] = byte;
            let _ = read(&format!("matpho/v1/tdm/gw-01/{tail}"), &payload);
            payload.truncate(index);
            let _ = read(&format!("matpho/v1/tdm/gw-01/{tail}"), &payload);
        }
    }
}

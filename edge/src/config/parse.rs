//! From tables to values. Every function reads all its keys before it gives up, so that all complaints come at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
    time::Duration,
};

use matpho_analytics::{
    Analytic, CameraPlan, Hours, Mark, Params, PlanError, Purpose, Zone,
    units::{Positive, Seconds},
};
use matpho_config::{Table, nearest};
use matpho_infer::Provider;
use matpho_media::{DecoderChoice, Location, Login, Transport};
use matpho_scene::{CameraId, Direction, EdgeId, GroundPoint, ModelId, NormPoint, Polygon, SiteId, ZoneId};
use matpho_wire::topic::Address;
use serde::Deserialize;

use super::{
    Authorities, Broker, Camera, Center, Config, Evidence, Models, Runtime, Secret, State,
    reader::{Located, Values},
};

const MIB: f64 = 1024.0 * 1024.0;

/// The authorities that Debian trusts.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Reads the whole document.
pub fn config(document: Table<'_>, folder: &Path) -> Option<Config> {
    let (address, utc_offset_min) = edge(document.table("edge"));
    let broker = broker(document.table("broker"), folder);
    let center = center(document.table("center"), folder);
    let state = state(document.table("state"), folder);
    let runtime = runtime(document.table("runtime"), folder);
    let models = models(document.table("models"), folder);
    let http = http(document.table("http"));
    let evidence = evidence(document.table("evidence"));
    let defaults = document.table("analytics");
    let named = document.has("camera");
    let tables = document.tables("camera").unwrap_or_default();
    if tables.is_empty() && !named {
        document.complain(document.at(), "camera", "there is no camera: add at least one [[camera]] with id and url");
    }
    // The defaults are checked also where no camera's plan would show them.
    let _: Params = defaults.all();
    let mut seen: BTreeMap<CameraId, ()> = BTreeMap::new();
    let cameras: Vec<Option<Camera>> =
        tables.into_iter().map(|table| camera(table, &defaults, folder, &runtime.decoder, &mut seen)).collect();
    document.finish();
    Some(Config {
        address: address?,
        utc_offset_min,
        broker: broker?,
        center: center?,
        state,
        runtime,
        models,
        http: http?,
        evidence,
        cameras: cameras.into_iter().collect::<Option<_>>()?,
    })
}

fn edge(table: Table<'_>) -> (Option<Address>, i32) {
    let site = table.required::<SiteId>("site", "site = \"tdm\"");
    let edge = table.required::<EdgeId>("id", "id = \"gw-01\"");
    let offset_h = table.number_or("utc_offset_h", -12.0..=14.0, "hours", super::UTC_OFFSET_H);
    table.finish();
    let address = site.zip(edge).map(|(site, edge)| Address { site: site.value, edge: edge.value });
    (address, (offset_h * 60.0).round() as i32)
}

fn broker(table: Table<'_>, folder: &Path) -> Option<Broker> {
    let url = table.get::<String>("url").unwrap_or(Located { value: "mqtt://127.0.0.1:1883".into(), at: table.at() });
    let user = table.get::<String>("username");
    let password = password(&table, folder, user.as_ref());
    let ca = table.get::<PathBuf>("ca_file");
    let parts = split_url(&url.value, &[("mqtt", 1883), ("mqtts", 8883)]);
    let parts = match parts {
        Ok(parts) => Some(parts),
        Err(what) => {
            table.complain(url.at, "url", format_args!("{what}; for example mqtts://broker.example.org:8883"));
            None
        }
    };
    let encrypted = parts.as_ref().is_some_and(|(scheme, _, _)| scheme == "mqtts");
    let tls = match (ca, encrypted) {
        (Some(ca), true) => Some(authorities(&table, "ca_file", &ca.value, ca.at, folder)),
        (Some(ca), false) => {
            table.complain(ca.at, "ca_file", "it is for encrypted connections: write mqtts:// in `url`, or take it out");
            None
        }
        (None, true) => Some(authorities(&table, "ca_file", Path::new(SYSTEM_AUTHORITIES), url.at, folder)),
        (None, false) => None,
    };
    table.finish();
    let (_, host, port) = parts?;
    Some(Broker { host, port, tls: tls.flatten(), login: user.map(|user| user.value).zip(password) })
}

fn center(table: Table<'_>, folder: &Path) -> Option<Option<Center>> {
    let url = table.get::<String>("url");
    let ca = table.get::<PathBuf>("ca_file");
    let authorities = ca.map(|ca| authorities(&table, "ca_file", &ca.value, ca.at, folder));
    let center = match url {
        None => Some(None),
        Some(url) => match split_url(&url.value, &[("http", 80), ("https", 443)]) {
            Ok(_) => Some(Some(Center { url: url.value.trim_end_matches('/').to_owned(), authorities: authorities.flatten() })),
            Err(what) => {
                table.complain(url.at, "url", format_args!("{what}; for example https://center.example.org"));
                None
            }
        },
    };
    table.finish();
    center
}

/// Scheme, host and port of an address that must hold nothing else.
fn split_url(url: &str, schemes: &[(&str, u16)]) -> Result<(String, String, u16), String> {
    let expected = schemes.iter().map(|(scheme, _)| format!("{scheme}://")).collect::<Vec<_>>().join(" or ");
    let (scheme, rest) = url.split_once("://").ok_or_else(|| format!("the address must begin with {expected}"))?;
    let (_, default_port) = schemes
        .iter()
        .find(|(known, _)| *known == scheme)
        .ok_or_else(|| format!("`{scheme}://` is not supported, {expected} is"))?;
    if rest.contains('@') {
        return Err("the address holds credentials: take them out and set `username` and `password_file`".into());
    }
    let authority = rest.trim_end_matches('/');
    if authority.contains(['/', '?', '#', ' ']) {
        return Err("the address must end after host and port".into());
    }
    // The last colon outside of [an IPv6 address].
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| format!("`{port}` is not a port"))?),
        _ => (authority, *default_port),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() { Err("the address names no host".into()) } else { Ok((scheme.into(), host.into(), port)) }
}

fn authorities(table: &Table<'_>, key: &str, path: &Path, at: usize, folder: &Path) -> Option<Authorities> {
    let path = folder.join(path);
    match fs::read(&path) {
        Ok(pem) if String::from_utf8_lossy(&pem).contains("BEGIN CERTIFICATE") => Some(Authorities(pem)),
        Ok(_) => {
            table.complain(at, key, format_args!("{} holds no certificate in PEM", path.display()));
            None
        }
        Err(e) => {
            table.complain(
                at,
                key,
                format_args!("{} cannot be read ({e}): name the file with the authority's certificate", path.display()),
            );
            None
        }
    }
}

/// From `password_file` or `password_env`, whichever is given.
fn password(table: &Table<'_>, folder: &Path, user: Option<&Located<String>>) -> Option<Secret> {
    let file = table.get::<PathBuf>("password_file");
    let env = table.get::<String>("password_env");
    let in_the_open = table.has("password");
    if in_the_open {
        let at = table.get::<toml::Value>("password");
        if let Some(at) = at {
            table.complain(
                at.at,
                "password",
                "a password does not belong into this file: put it into a file of its own and name that in `password_file`",
            );
        }
    }
    let secret = match (&file, &env) {
        (Some(file), None) => {
            let path = folder.join(&file.value);
            match fs::read_to_string(&path) {
                Ok(text) if !text.trim_end_matches(['\r', '\n']).is_empty() => {
                    Some(Secret::new(text.trim_end_matches(['\r', '\n'])))
                }
                Ok(_) => {
                    table.complain(
                        file.at,
                        "password_file",
                        format_args!("{} is empty: write the password into it, on one line", path.display()),
                    );
                    None
                }
                Err(e) => {
                    table.complain(
                        file.at,
                        "password_file",
                        format_args!(
                            "{} cannot be read ({e}): make it, with the password on one line, readable by this program alone",
                            path.display()
                        ),
                    );
                    None
                }
            }
        }
        (None, Some(env)) => match std::env::var(&env.value) {
            Ok(text) if !text.is_empty() => Some(Secret::new(text)),
            _ => {
                table.complain(env.at, "password_env", format_args!("the environment variable `{}` is not set", env.value));
                None
            }
        },
        (Some(_), Some(env)) => {
            table.complain(env.at, "password_env", "there is a `password_file` too: keep one of the two");
            None
        }
        (None, None) => {
            if let Some(user) = user.filter(|_| !in_the_open) {
                table.complain(user.at, "username", "there is a user and no password: add `password_file` or `password_env`");
            }
            None
        }
    };
    if user.is_none()
        && let Some(at) = file.map(|file| file.at).or(env.map(|env| env.at))
    {
        table.complain(at, "username", "there is a password and no user: add `username`");
    }
    secret
}

fn state(table: Table<'_>, folder: &Path) -> State {
    let state = table.get_or("folder", PathBuf::from("/var/lib/matpho-edge"));
    let outbox = table.number_or("outbox_mib_max", 1.0..=1_048_576.0, "MiB", 512.0);
    table.finish();
    State { folder: folder.join(state), outbox_bytes_max: (outbox * MIB) as u64 }
}

fn runtime(table: Table<'_>, folder: &Path) -> Runtime {
    let onnxruntime = table.get::<PathBuf>("onnxruntime");
    if let Some(library) = &onnxruntime
        && !folder.join(&library.value).is_file()
    {
        table.complain(
            library.at,
            "onnxruntime",
            format_args!(
                "there is no file {}: `make setup` fetches the library, or leave the key out to have it found",
                library.value.display()
            ),
        );
    }
    let provider = table.get_or("provider", Provider::Cpu);
    let workers = table.get_or("workers", NonZeroUsize::MIN);
    let decoder = decoder(&table, &DecoderChoice::Auto);
    table.finish();
    Runtime { onnxruntime: onnxruntime.map(|library| folder.join(library.value)), provider, workers, decoder }
}

fn decoder(table: &Table<'_>, default: &DecoderChoice) -> DecoderChoice {
    match table.get::<String>("decoder") {
        None => default.clone(),
        Some(name) if name.value == "auto" => DecoderChoice::Auto,
        Some(name) => DecoderChoice::Named(name.value),
    }
}

fn models(table: Table<'_>, folder: &Path) -> Models {
    let default = Models::default();
    let registry = table.get::<PathBuf>("registry");
    if let Some(registry) = &registry
        && !folder.join(&registry.value).is_file()
    {
        table.complain(
            registry.at,
            "registry",
            format_args!(
                "there is no file {}: name the registry.toml beside the models, or leave the key out to have it found",
                registry.value.display()
            ),
        );
    }
    let id = |key, default| table.get_or::<ModelId>(key, default);
    let (vehicles, fire, water) = (id("vehicles", default.vehicles), id("fire", default.fire), id("water", default.water));
    table.finish();
    Models { registry: registry.map(|registry| folder.join(registry.value)), vehicles, fire, water }
}

fn http(table: Table<'_>) -> Option<Option<SocketAddr>> {
    let listen = table.get::<String>("listen").unwrap_or(Located { value: "127.0.0.1:9100".into(), at: table.at() });
    let parsed = match listen.value.as_str() {
        "" | "off" => Some(None),
        text => match text.parse() {
            Ok(address) => Some(Some(address)),
            Err(_) => {
                table.complain(
                    listen.at,
                    "listen",
                    format_args!("`{text}` is no address and port: for example 127.0.0.1:9100, or off"),
                );
                None
            }
        },
    };
    table.finish();
    parsed
}

fn evidence(table: Table<'_>) -> Evidence {
    let seconds = Duration::from_secs_f64;
    let evidence = Evidence {
        redact: table.get_or("redact", true),
        picture_width_max: table.number_or("picture_width_max", 160.0..=3840.0, "pixels", 1280.0) as u32,
        latest_every: seconds(table.number_or("latest_every_s", 0.0..=3600.0, "seconds", 5.0)),
        clip_before: seconds(table.number_or("clip_before_s", 0.0..=60.0, "seconds", 10.0)),
        clip_after: seconds(table.number_or("clip_after_s", 0.0..=60.0, "seconds", 10.0)),
        clips_bytes_max: (table.number_or("clips_mib_max", 0.0..=1_048_576.0, "MiB", 2048.0) * MIB) as u64,
    };
    table.finish();
    evidence
}

fn camera(
    table: Table<'_>,
    defaults: &Table<'_>,
    folder: &Path,
    default_decoder: &DecoderChoice,
    seen: &mut BTreeMap<CameraId, ()>,
) -> Option<Camera> {
    let id = table.required::<CameraId>("id", "id = \"cam-01\"");
    if let Some(id) = &id
        && seen.insert(id.value.clone(), ()).is_some()
    {
        table.complain(id.at, "id", format_args!("another camera is called `{}` too: give each its own id", id.value));
    }
    let name = table.get::<String>("name");
    let position = table.get::<[f64; 2]>("position").and_then(|at| {
        let [longitude, latitude] = at.value;
        let right = (-180.0..=180.0).contains(&longitude) && (-90.0..=90.0).contains(&latitude);
        if !right {
            table.complain(
                at.at,
                "position",
                format_args!(
                    "[{longitude}, {latitude}] is no place: longitude (-180 to 180) comes first, latitude (-90 to 90) second"
                ),
            );
        }
        right.then_some(at.value)
    });
    let location = location(&table, folder);
    let transport = table.get_or("transport", Transport::Auto);
    let analytics = asks(&table);
    let fps = table.number_or("fps", 0.2..=30.0, "pictures a second", 5.0);
    let decoder = decoder(&table, default_decoder);
    let frame_age_max = Duration::from_secs_f64(table.number_or("frame_age_max_s", 2.0..=600.0, "seconds", 10.0));
    let reference = table.get::<PathBuf>("reference");
    if let Some(reference) = &reference
        && !folder.join(&reference.value).is_file()
    {
        table.complain(reference.at, "reference", format_args!("there is no picture {}", reference.value.display()));
    }
    let zones: Vec<Option<(Zone, usize)>> = table.tables("zone").unwrap_or_default().into_iter().map(zone).collect();
    let zones_at: Vec<_> = zones.iter().flatten().map(|(zone, at)| (zone.id.clone(), *at)).collect();
    let params = table.table("analytics").rest_over::<Params>(defaults);
    let zones: Option<Vec<Zone>> = zones.into_iter().map(|zone| zone.map(|(zone, _)| zone)).collect();
    let plan = zones.and_then(|zones| match CameraPlan::new(zones, analytics?, params) {
        Ok(plan) => Some(plan),
        Err(errors) => {
            for error in errors {
                let at = match &error {
                    PlanError::ZoneTwice(id)
                    | PlanError::CountingLine(id)
                    | PlanError::MarkHeight(id)
                    | PlanError::Hours(id)
                    | PlanError::Horizon(id) => zones_at.iter().rev().find(|(zone, _)| zone == id).map(|(_, at)| *at),
                    _ => None,
                };
                table.complain(at.unwrap_or(table.at()), "zone", error);
            }
            None
        }
    });
    table.finish();
    let id = id?.value;
    Some(Camera {
        name: name.map_or_else(|| id.to_string(), |name| name.value),
        id,
        position,
        location: location?,
        transport,
        fps,
        decoder,
        frame_age_max,
        reference: reference.map(|reference| folder.join(reference.value)),
        plan: plan?,
    })
}

fn location(table: &Table<'_>, folder: &Path) -> Option<Location> {
    let url = table.required::<String>("url", "url = \"rtsp://192.0.2.10:554/stream1\"");
    let user = table.get::<String>("username");
    let password = password(table, folder, user.as_ref());
    let url = url?;
    match Location::parse(&url.value) {
        Ok(Location::Rtsp { login: Some(_), url: clean }) => {
            table.complain(
                url.at,
                "url",
                format_args!(
                    "the address holds credentials: write {} here, and set `username` and `password_file` (or `password_env`)",
                    clean.as_str()
                ),
            );
            None
        }
        Ok(Location::Rtsp { url, login: None }) => {
            let login = user.zip(password).map(|(user, password)| Login::new(user.value, password.expose()));
            Some(Location::Rtsp { url, login })
        }
        Ok(Location::File(path)) => {
            let path = folder.join(path);
            if !path.is_file() {
                table.complain(
                    url.at,
                    "url",
                    format_args!("{} is neither an rtsp:// address nor a file that is there", path.display()),
                );
            }
            Some(Location::File(path))
        }
        Err(e) => {
            table.complain(url.at, "url", e);
            None
        }
    }
}

/// What a camera is asked for. `camera` is always among it: nobody wants a blind camera to pass for a calm street.
fn asks(table: &Table<'_>) -> Option<BTreeSet<Analytic>> {
    let Some(asks) = table.get::<Vec<String>>("asks") else { return Some(Analytic::ALL.into()) };
    let mut analytics = BTreeSet::from([Analytic::Camera]);
    let mut right = true;
    for word in &asks.value {
        match word.parse::<Analytic>() {
            Ok(analytic) => drop(analytics.insert(analytic)),
            Err(e) => {
                let known = Analytic::ALL.map(Analytic::as_str);
                let hint = nearest(word, &known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                table.complain(asks.at, "asks", format_args!("{e}{hint}"));
                right = false;
            }
        }
    }
    right.then_some(analytics)
}

/// A point of the picture whose place on the road was measured.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    picture: NormPoint,
    ground_m: GroundPoint,
}

fn zone(table: Table<'_>) -> Option<(Zone, usize)> {
    let at = table.at();
    let id = table.required::<ZoneId>("id", "id = \"inbound\"");
    let purpose = table.get_or("purpose", Purpose::Carriageway);
    let polygon = table.required::<Polygon>("polygon", "polygon = [[0.1, 0.9], [0.4, 0.3], [0.6, 0.3], [0.9, 0.9]]");
    let direction = table.get::<Direction>("direction");
    let lanes = table.get::<NonZeroU32>("lanes");
    let length_m = table.get::<Positive>("length_m");
    let signal_cycle_s = table.get::<Seconds>("signal_cycle_s");
    let counting_line = table.get::<[NormPoint; 2]>("counting_line");
    let marks = table.get::<Vec<Mark>>("marks");
    let hours = table.get::<Hours>("hours");
    let calibration = table.get::<Vec<Measured>>("calibration");
    let ground = calibration.and_then(|points| {
        let pairs: Vec<_> = points.value.iter().map(|point| (point.picture, point.ground_m)).collect();
        match matpho_vision::calibrate(&pairs) {
            Ok(calibration) => Some((calibration.plane, calibration.error_m as f32)),
            Err(e) => {
                table.complain(points.at, "calibration", e);
                None
            }
        }
    });
    table.finish();
    let mut zone = Zone::new(id?.value, purpose, polygon?.value);
    zone.direction = direction.map(|found| found.value);
    zone.lanes = lanes.map(|found| found.value);
    zone.length_m = length_m.map(|found| found.value);
    zone.signal_cycle_s = signal_cycle_s.map(|found| found.value);
    zone.counting_line = counting_line.map(|found| found.value);
    zone.ground = ground.map(|(plane, _)| plane);
    zone.ground_error_m = ground.map(|(_, error_m)| error_m);
    zone.hours = hours.map(|found| found.value);
    zone.marks = marks.map(|found| found.value).unwrap_or_default();
    Some((zone, at))
}

//! The broker between gateways and centre: one of our own ([`managed`]) or somebody else's. [`accounts`] says who may do what on our
//! own; [`Access`] is how the centre itself gets in.

pub mod accounts;
pub mod managed;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::config::ExternalBroker;

/// Why there is no broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// A file of the broker.
    #[error("failed to {doing} {path}")]
    File {
        /// What was attempted.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A program is not there.
    #[error("the program `{0}` was not found; install mosquitto, or name it in the configuration (broker.mosquitto)")]
    NoProgram(String),
    /// A program did not do its work.
    #[error("`{program}` failed: {said}")]
    Program {
        /// Which one.
        program: String,
        /// What it said.
        said: String,
    },
    /// Somebody else listens there.
    #[error("{0} is in use by another program; stop it, or choose another address (broker.listen)")]
    AddressInUse(std::net::SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}")]
    Listen {
        /// Where.
        listen: std::net::SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A password that the broker's files cannot hold, or that is too easy.
    #[error("a gateway's password must have 16 to 200 characters, none of them `:`, a blank or a control character")]
    Password,
}

fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BrokerError {
    let path = PathBuf::from(path);
    move |source| BrokerError::File { doing, path, source }
}

/// The name that is kept in a file, made when there is none: each centre has its own, and is known by it when it comes back.
pub(crate) fn own_client_id(path: &Path) -> Result<String, BrokerError> {
    match std::fs::read_to_string(path) {
        Ok(id) => Ok(id.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = format!("{}-{}", accounts::CENTER, &accounts::new_secret()[..8]);
            accounts::write_private(path, format!("{id}\n").as_bytes())?;
            Ok(id)
        }
        Err(source) => Err(file("read", path)(source)),
    }
}

/// How to reach a broker, and as whom.
#[derive(Clone)]
pub struct Access {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User and password.
    pub login: Option<(String, String)>,
    /// PEM of the authority that signed the broker's certificate; `None`: no TLS.
    pub ca: Option<Arc<[u8]>>,
    /// Under which name; the broker keeps our session by it.
    pub client_id: String,
    /// With whom we share what gateways send.
    pub shared_group: Option<String>,
    /// How long the broker keeps our session when we are away.
    pub session_expiry: Duration,
}

/// How long the broker keeps our session when we are away, if nothing else is configured.
pub const SESSION_EXPIRY: Duration = Duration::from_secs(14 * 24 * 3_600);

/// The file in the state folder with the name that a centre of a group gave itself.
const CLIENT_ID_FILE: &str = "broker.client_id";

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.url())
    }
}

impl Access {
    /// The address, without a password.
    pub fn url(&self) -> String {
        let scheme = if self.ca.is_some() { "mqtts" } else { "mqtt" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    /// Access to somebody else's broker: reads the files that the configuration names. `folder` is the state folder.
    pub fn external(config: &ExternalBroker, folder: &Path) -> Result<Self, BrokerError> {
        let login = match (&config.username, &config.password_file) {
            (Some(name), Some(path)) => {
                let password = std::fs::read_to_string(path).map_err(file("read the password file", path))?;
                Some((name.clone(), password.trim_end_matches(['\r', '\n']).to_owned()))
            }
            _ => None,
        };
        let ca = match &config.ca_file {
            Some(path) if config.tls => Some(std::fs::read(path).map_err(file("read the CA file", path))?.into()),
            _ => None,
        };
        let client_id = match (&config.client_id, &config.shared_group) {
            (Some(id), _) => id.clone(),
            (None, Some(_)) => own_client_id(&folder.join(CLIENT_ID_FILE))?,
            (None, None) => accounts::CENTER.to_owned(),
        };
        Ok(Self {
            host: config.host.clone(),
            port: config.port,
            login,
            ca,
            client_id,
            shared_group: config.shared_group.clone(),
            session_expiry: config.session_expiry,
        })
    }
}

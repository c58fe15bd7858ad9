//! A certificate authority that lives as long as a test, and a server's certificate that it signed. Taken in with `#[path]` by the
//! tests that speak TLS to a real broker; `openssl` comes with Debian's `ca-certificates`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Files in PEM.
pub struct Authority {
    /// The authority's own certificate: whom clients are to trust.
    pub ca: PathBuf,
    /// Of a server at 127.0.0.1.
    pub certificate: PathBuf,
    /// The server's private key.
    pub key: PathBuf,
}

impl Authority {
    /// A new one in an existing folder.
    pub fn new(folder: &Path) -> Self {
        let openssl = |arguments: &str| {
            let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
            assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        };
        let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(&format!("req -x509 {new_key} -days 2 -keyout ca.key -out ca.crt -subj /CN=authority"));
        openssl(&format!("req {new_key} -keyout server.key -out server.csr -subj /CN=broker"));
        fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
        openssl("x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt");
        Self { ca: folder.join("ca.crt"), certificate: folder.join("server.crt"), key: folder.join("server.key") }
    }

    /// A listener of mosquitto that shows this certificate.
    pub fn listener(&self, port: u16) -> String {
        format!(
            "listener {port} 127.0.0.1\ncertfile {}\nkeyfile {}\ntls_version tlsv1.2\n",
            self.certificate.display(),
            self.key.display()
        )
    }
}

//! Who may do what at the managed broker: a password file and an access list, both written by us.
//!
//! **Invariants:** a gateway sees and writes its own subtree of topics and nothing else; a secret is 32 random bytes unless somebody
//! brings their own; the files can be read by their owner alone, and passwords are in them as hashes only (but for the centre's own).

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::Command,
};

use matpho_wire::{Address, topic};
use rand::RngCore;

use super::{BrokerError, file};

/// The centre's own account.
pub const CENTER: &str = "matpho-center";

/// A gateway's name at the broker and in the API: `SITE.EDGE`. A slug has no dot, so it can be taken apart again.
pub fn account_of(address: &Address) -> String {
    format!("{}.{}", address.site, address.edge)
}

/// The gateway of an account.
pub fn address_of(account: &str) -> Option<Address> {
    let (site, edge) = account.split_once('.')?;
    Some(Address { site: site.parse().ok()?, edge: edge.parse().ok()? })
}

/// 32 random bytes, hex.
pub fn new_secret() -> String {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

/// The accounts of a managed broker.
pub struct Accounts {
    folder: PathBuf,
    hasher: PathBuf,
}

impl Accounts {
    /// The accounts in a folder, which is made if it is not there; `hasher` is the program `mosquitto_passwd`.
    pub fn open(folder: &Path, hasher: PathBuf) -> Result<Self, BrokerError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder).map_err(file("create", folder))?;
        Ok(Self { folder: folder.into(), hasher })
    }

    /// The password file.
    pub fn password_path(&self) -> PathBuf {
        self.folder.join("passwd")
    }

    /// The access list.
    pub fn acl_path(&self) -> PathBuf {
        self.folder.join("acl")
    }

    /// The centre's own secret; made at first use.
    pub fn center_secret(&self) -> Result<String, BrokerError> {
        let path = self.folder.join("center.secret");
        let secret = match fs::read_to_string(&path) {
            Ok(secret) if !secret.trim().is_empty() => secret.trim().to_owned(),
            Ok(_) => new_secret(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => new_secret(),
            Err(error) => return Err(file("read", &path)(error)),
        };
        write_private(&path, secret.as_bytes())?;
        self.put(CENTER, &secret)?;
        Ok(secret)
    }

    /// Makes an account, or gives one another password. Returns whether it is new.
    pub fn put(&self, name: &str, secret: &str) -> Result<bool, BrokerError> {
        let fits =
            (16..=200).contains(&secret.len()) && !secret.contains(|c: char| c == ':' || c.is_whitespace() || c.is_control());
        if !fits {
            return Err(BrokerError::Password);
        }
        // Two commands at once must not lose each other's account.
        let lock_path = self.folder.join("accounts.lock");
        let lock = File::create(&lock_path).map_err(file("create", &lock_path))?;
        lock.lock().map_err(file("lock", &lock_path))?;

        let line = self.hashed(name, secret)?;
        let path = self.password_path();
        let before = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(file("read", &path)(error)),
        };
        let others: Vec<&str> = before.lines().filter(|line| line.split(':').next() != Some(name)).collect();
        let new = others.len() == before.lines().count();
        let mut text: String = others.iter().map(|line| format!("{line}\n")).collect();
        text.push_str(&line);
        write_private(&path, text.as_bytes())?;
        write_private(&self.acl_path(), acl(text.lines().filter_map(|line| line.split(':').next())).as_bytes())?;
        Ok(new)
    }

    /// A line of the password file. The secret goes through a file: in an argument every process could read it.
    fn hashed(&self, name: &str, secret: &str) -> Result<String, BrokerError> {
        let path = self.folder.join("passwd.new");
        write_private(&path, format!("{name}:{secret}\n").as_bytes())?;
        let program = self.hasher.display().to_string();
        let output = Command::new(&self.hasher).arg("-U").arg(&path).output();
        let hashed = fs::read_to_string(&path).map_err(file("read", &path));
        let _ = fs::remove_file(&path);
        let output = output.map_err(|_| BrokerError::NoProgram(program.clone()))?;
        let line = hashed?;
        if !output.status.success() || line.contains(secret) || !line.starts_with(&format!("{name}:$")) {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(BrokerError::Program { program, said: format!("{} {said}", output.status) });
        }
        Ok(if line.ends_with('\n') { line } else { line + "\n" })
    }
}

/// The access list for these accounts.
fn acl<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::from("# Written by matpho-center; changes are lost.\n");
    for name in names {
        if name == CENTER {
            text.push_str(&format!("\nuser {CENTER}\ntopic readwrite {}/#\n", topic::ROOT));
        } else if let Some(Address { site, edge }) = address_of(name) {
            text.push_str(&format!("\nuser {name}\ntopic readwrite {}/{site}/{edge}/#\n", topic::ROOT));
        }
    }
    text
}

/// Writes a file that its owner alone can read, whole or not at all.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), BrokerError> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let _ = fs::remove_file(&part);
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(file("write", &part))?;
    fs::rename(&part, path).map_err(file("move into place", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::broker::managed::find_program;

    #[test]
    fn accounts_are_hashed_private_and_confined() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("broker");
        let hasher = find_program(Path::new("mosquitto_passwd")).unwrap();
        let accounts = Accounts::open(&folder, hasher).unwrap();
        let secret = accounts.center_secret().unwrap();
        assert_eq!(accounts.center_secret().unwrap(), secret);
        assert!(accounts.put("tdm.gw-01", "a-password-of-their-own").unwrap());
        assert!(!accounts.put("tdm.gw-01", "another-password-of-theirs").unwrap());
        let passwords = fs::read_to_string(accounts.password_path()).unwrap();
        assert_eq!(passwords.lines().count(), 2, "{passwords}");
        assert!(!passwords.contains(&secret) && !passwords.contains("their"), "{passwords}");
        let list = fs::read_to_string(accounts.acl_path()).unwrap();
        assert!(list.contains("user tdm.gw-01\ntopic readwrite matpho/v1/tdm/gw-01/#\n"), "{list}");
        assert!(list.contains("user matpho-center\ntopic readwrite matpho/v1/#\n"), "{list}");
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let mode = path.metadata().unwrap().permissions().mode() & 0o777;
            assert!(mode == 0o600 || path.ends_with("accounts.lock"), "{} has mode {mode:o}", path.display());
        }
        for wrong in ["short", "with:a colon in it, and blanks", ""] {
            assert!(matches!(accounts.put("tdm.gw-02", wrong), Err(BrokerError::Password)));
        }
    }

    #[test]
    fn an_account_is_a_gateway() {
        let address = address_of("tdm.gw-01").unwrap();
        assert_eq!(account_of(&address), "tdm.gw-01");
        assert_eq!(address_of("matpho-center"), None);
        assert_eq!(address_of("a.b.c"), None);
    }
}

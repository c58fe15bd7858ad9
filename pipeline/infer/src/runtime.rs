//! ONNX Runtime itself: found, loaded and checked once a process.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ort::logging::LogLevel;

use crate::provider::{self, Provider};

/// ONNX Runtime, loaded. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Runtime(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    library: PathBuf,
    environment: ort::environment::Environment,
    providers: Vec<Provider>,
}

/// Why ONNX Runtime cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// There is no library to load.
    #[error(
        "ONNX Runtime was not found; looked for {name} in:{}\nrun `make setup`, or name the library of your device's vendor by ORT_DYLIB_PATH",
        looked.iter().map(|place| format!("\n  {}", place.display())).collect::<String>()
    )]
    NotFound {
        /// The library's name.
        name: String,
        /// The folders, in order.
        looked: Vec<PathBuf>,
    },
    /// The library that was named does not exist.
    #[error(
        "there is no ONNX Runtime library at {path} ({named_by}); run `make setup`, or name the library of your device's vendor there",
        path = path.display()
    )]
    NoSuchFile {
        /// What was named.
        path: PathBuf,
        /// Who named it.
        named_by: &'static str,
    },
    /// The library does not load, is no ONNX Runtime, or is too old.
    #[error(
        "{path} cannot be used as ONNX Runtime, version 1.{minor} or later is needed; run `make setup`, or name the library of your device's vendor by ORT_DYLIB_PATH",
        path = path.display(),
        minor = ort::MINOR_VERSION
    )]
    Unusable {
        /// The library.
        path: PathBuf,
        /// Why.
        source: ort::LoadDynamicError,
    },
    /// The library loads and does not start.
    #[error("ONNX Runtime from {path} does not start", path = path.display())]
    Start {
        /// The library.
        path: PathBuf,
        /// Why.
        source: ort::Error,
    },
    /// A process can hold one library only.
    #[error("ONNX Runtime is already loaded from {loaded}; {asked} would need a process of its own", loaded = loaded.display(), asked = asked.display())]
    AlreadyLoaded {
        /// What is loaded.
        loaded: PathBuf,
        /// What was asked for.
        asked: PathBuf,
    },
}

/// The one runtime of this process. ort allows one environment in a process's life, so it is kept until the end.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Loads ONNX Runtime from `dylib`, or else from `ORT_DYLIB_PATH`, or else from beside the executable, from `var/onnxruntime` of
    /// the source tree that the executable was built in, or from the system's library folders. A second call returns what the first
    /// one loaded.
    pub fn load(dylib: Option<&Path>) -> Result<Self, RuntimeError> {
        let mut loaded: MutexGuard<'_, Option<Self>> = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = named(dylib)?;
        match (loaded.as_ref(), asked) {
            (Some(runtime), None) => Ok(runtime.clone()),
            (Some(runtime), Some(asked)) if runtime.0.library == asked => Ok(runtime.clone()),
            (Some(runtime), Some(asked)) => Err(RuntimeError::AlreadyLoaded { loaded: runtime.0.library.clone(), asked }),
            (None, asked) => {
                let runtime = start(asked.map_or_else(find, Ok)?)?;
                *loaded = Some(runtime.clone());
                Ok(runtime)
            }
        }
    }

    /// The library's file.
    pub fn library(&self) -> &Path {
        &self.0.library
    }

    /// What the library's build says of itself: version control id, build type and flags.
    pub fn build_info(&self) -> &'static str {
        ort::info()
    }

    /// The execution providers that the library has; `cpu` always.
    pub fn providers(&self) -> &[Provider] {
        &self.0.providers
    }

    pub(crate) fn environment(&self) -> &ort::environment::Environment {
        &self.0.environment
    }
}

fn start(library: PathBuf) -> Result<Runtime, RuntimeError> {
    let builder = ort::init_from(&library).map_err(|source| RuntimeError::Unusable { path: library.clone(), source })?;
    let failed = |source| RuntimeError::Start { path: library.clone(), source };
    let environment = builder.with_name("matpho").with_telemetry(false).with_logger(Arc::new(log)).build().map_err(failed)?;
    // Verbose records would be formatted for each node and thrown away.
    environment.set_log_level(LogLevel::Warning);
    let providers = provider::available().map_err(failed)?;
    Ok(Runtime(Arc::new(Inner { library, environment, providers })))
}

/// ONNX Runtime warns of each oddity of an exporter, hundreds a model; what matters comes back as an error anyway.
fn log(level: LogLevel, _category: &str, _id: &str, place: &str, message: &str) {
    match level {
        LogLevel::Fatal | LogLevel::Error => tracing::warn!(target: "onnxruntime", place, "{message}"),
        _ => tracing::debug!(target: "onnxruntime", place, "{message}"),
    }
}

/// The library that the caller or the environment names, made absolute.
fn named(dylib: Option<&Path>) -> Result<Option<PathBuf>, RuntimeError> {
    let by_variable = || env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    let (path, named_by) = match dylib {
        Some(path) => (path.to_owned(), "named by the configuration"),
        None => match by_variable() {
            Some(path) => (path, "named by ORT_DYLIB_PATH"),
            None => return Ok(None),
        },
    };
    match path.canonicalize() {
        Ok(file) if file.is_file() => Ok(Some(file)),
        _ => Err(RuntimeError::NoSuchFile { path, named_by }),
    }
}

/// Looks for the library where packages and `make setup` put it.
fn find() -> Result<PathBuf, RuntimeError> {
    let mut looked = Vec::new();
    if let Some(folder) = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned)) {
        looked.push(folder.clone());
        looked.push(folder.join("../lib/matpho"));
        // target/debug/deps/test-1234 lies three levels below the tree.
        looked.extend(folder.ancestors().skip(1).take(3).map(|tree| tree.join("var/onnxruntime")));
    }
    looked.extend(["/usr/lib/matpho", "/usr/local/lib", "/usr/lib", "/usr/lib64"].map(PathBuf::from));
    looked.push(Path::new("/usr/lib").join(format!("{}-linux-gnu", env::consts::ARCH)));
    let name = format!("{}onnxruntime{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let found = looked.iter().find_map(|folder| newest(folder, &name)).and_then(|path| path.canonicalize().ok());
    found.ok_or(RuntimeError::NotFound { name, looked })
}

/// The library of a folder, by name or by name and version (`libonnxruntime.so.1.31.1`); the newest where there are several.
fn newest(folder: &Path, name: &str) -> Option<PathBuf> {
    let version = |file: &str| -> Option<Vec<u32>> {
        match file.strip_prefix(name)? {
            "" => Some(vec![u32::MAX]),
            rest => rest.strip_prefix('.')?.split('.').map(|part| part.parse().ok()).collect(),
        }
    };
    let files = fs::read_dir(folder).ok()?.flatten().map(|file| file.path());
    files
        .filter_map(|path| Some((version(path.file_name()?.to_str()?)?, path)))
        .max_by(|(a, _), (b, _)| a.cmp(b))
        .map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_a_folder_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        for file in
            ["libonnxruntime.so.1.9.0", "libonnxruntime.so.1.31.1", "libonnxruntime.so.bak", "libonnxruntime_providers_shared.so"]
        {
            fs::write(folder.path().join(file), b"").unwrap();
        }
        let found = newest(folder.path(), "libonnxruntime.so").unwrap();
        assert_eq!(found.file_name().unwrap(), "libonnxruntime.so.1.31.1");
        assert_eq!(newest(&folder.path().join("none"), "libonnxruntime.so"), None);
    }
}

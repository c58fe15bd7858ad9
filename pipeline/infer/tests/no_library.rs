//! What happens where ONNX Runtime is no ONNX Runtime. Alone in its process, as a library that was loaded stays loaded.

use std::{error::Error as _, fs};

use matpho_infer::{Runtime, RuntimeError};

#[test]
fn a_file_that_is_no_library_is_refused_and_the_right_one_still_loads() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().canonicalize()?.join("libonnxruntime.so");
    fs::write(&path, b"no library")?;
    match Runtime::load(Some(&path)) {
        Err(error @ RuntimeError::Unusable { .. }) => {
            assert_eq!(
                error.to_string(),
                format!(
                    "{} cannot be used as ONNX Runtime, version 1.24 or later is needed; run `make setup`, or name the library of \
                     your device's vendor by ORT_DYLIB_PATH",
                    path.display()
                )
            );
            let source = error.source().map(ToString::to_string).unwrap_or_default();
            assert!(source.contains("libonnxruntime.so"), "{source}");
        }
        other => panic!("{other:?}"),
    }
    let runtime = Runtime::load(None)?;
    assert_ne!(runtime.library(), path);
    Ok(())
}

//! Tiny ONNX models, written byte by byte, with a registry beside them, so that the real ONNX Runtime is what is tested.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{fs, path::Path};

use matpho_infer::{InferError, Model, Registry, Runtime, SessionOptions};
use matpho_scene::{Picture, PictureSize};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// ONNX as protocol buffers (onnx.proto3): only what the models below need.
pub mod onnx {
    pub const FLOAT: u64 = 1;
    pub const UINT8: u64 = 2;
    pub const INT64: u64 = 7;

    fn varint(mut value: u64, out: &mut Vec<u8>) {
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    fn number(field: u64, value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        varint(field << 3, &mut out);
        varint(value, &mut out);
        out
    }

    fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        varint(field << 3 | 2, &mut out);
        varint(value.len() as u64, &mut out);
        out.extend_from_slice(value);
        out
    }

    fn text(field: u64, value: &str) -> Vec<u8> {
        bytes(field, value.as_bytes())
    }

    /// A graph input or output; -1 is a size that is known only when the model runs.
    pub fn value(name: &str, kind: u64, shape: &[i64]) -> Vec<u8> {
        let dim = |&size: &i64| if size < 0 { text(2, "n") } else { number(1, size as u64) };
        let shape: Vec<u8> = shape.iter().flat_map(|size| bytes(1, &dim(size))).collect();
        let tensor = [number(1, kind), bytes(2, &shape)].concat();
        [text(1, name), bytes(2, &bytes(1, &tensor))].concat()
    }

    /// A constant.
    pub fn floats(name: &str, shape: &[i64], values: &[f32]) -> Vec<u8> {
        let dims: Vec<u8> = shape.iter().flat_map(|&size| number(1, size as u64)).collect();
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        [dims, number(2, FLOAT), text(8, name), bytes(9, &raw)].concat()
    }

    /// A constant of int64.
    pub fn wholes(name: &str, shape: &[i64], values: &[i64]) -> Vec<u8> {
        let dims: Vec<u8> = shape.iter().flat_map(|&size| number(1, size as u64)).collect();
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        [dims, number(2, INT64), text(8, name), bytes(9, &raw)].concat()
    }

    /// An operator's attribute.
    pub enum Attribute {
        Whole(u64),
        Wholes(&'static [u64]),
    }

    /// An operator.
    pub fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute)]) -> Vec<u8> {
        let inputs: Vec<u8> = inputs.iter().flat_map(|input| text(1, input)).collect();
        let attribute = |(name, value): &(&str, Attribute)| {
            let (value, kind) = match value {
                Attribute::Whole(value) => (number(3, *value), 2),
                Attribute::Wholes(values) => (values.iter().flat_map(|&value| number(8, value)).collect(), 7),
            };
            bytes(5, &[text(1, name), value, number(20, kind)].concat())
        };
        let attributes: Vec<u8> = attributes.iter().flat_map(attribute).collect();
        [inputs, text(2, output), text(4, operator), attributes].concat()
    }

    /// The file.
    pub fn model(nodes: &[Vec<u8>], constants: &[Vec<u8>], inputs: &[Vec<u8>], outputs: &[Vec<u8>]) -> Vec<u8> {
        let all = |field: u64, parts: &[Vec<u8>]| parts.iter().flat_map(|part| bytes(field, part)).collect::<Vec<u8>>();
        let graph = [all(1, nodes), text(2, "g"), all(5, constants), all(11, inputs), all(12, outputs)].concat();
        [number(1, 8), bytes(7, &graph), bytes(8, &number(2, 13))].concat()
    }
}

/// An output: its name, its shape, and what it answers: `gain * brightness + bias`.
pub type Answer<'a> = (&'a str, &'a [i64], &'a [f32], &'a [f32]);

/// A network whose outputs are `gain * mean brightness of its input + bias`: what is found depends on the picture.
pub fn by_brightness(input: &[i64], outputs: &[Answer<'_>]) -> Vec<u8> {
    let mut nodes = vec![
        onnx::node("GlobalAveragePool", &["x"], "planes", &[]),
        onnx::node("ReduceMean", &["planes"], "mean", &[("axes", onnx::Attribute::Wholes(&[0, 1, 2, 3]))]),
        onnx::node("Reshape", &["mean", "scalar"], "brightness", &[]),
    ];
    let mut constants = vec![onnx::wholes("scalar", &[1], &[1])];
    let mut answers = Vec::new();
    for (name, shape, gain, bias) in outputs {
        constants.push(onnx::floats(&format!("{name}.gain"), shape, gain));
        constants.push(onnx::floats(&format!("{name}.bias"), shape, bias));
        nodes.push(onnx::node("Mul", &[&format!("{name}.gain"), "brightness"], &format!("{name}.lit"), &[]));
        nodes.push(onnx::node("Add", &[&format!("{name}.lit"), &format!("{name}.bias")], name, &[]));
        answers.push(onnx::value(name, onnx::FLOAT, shape));
    }
    onnx::model(&nodes, &constants, &[onnx::value("x", onnx::FLOAT, input)], &answers)
}

/// A YOLOX of 16 x 8 pixels, stride 8 (two cells), classes car and motorcycle: where the picture is white it sees, in input pixels, a
/// car at `[4, 2, 12, 6]`.
pub fn tiny_yolox() -> Vec<u8> {
    let mut gain = [0.0; 14];
    gain[4] = 1.0 / 255.0;
    let bias = [1.0, 0.5, 0.0, 0.5f32.ln(), 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    by_brightness(&[1, 3, 8, 16], &[("out", &[1, 2, 7], &gain, &bias)])
}

pub const TINY_YOLOX: &str = r#"
[[model]]
id = "tiny"
file = "tiny.onnx"
sha256 = "SHA256"
family = "yolox"
classes = ["car", "motorcycle"]
nms_iou = 0.5
licence = "Apache-2.0"
card = "none"
summary = "a test"
[model.input]
width = 16
height = 8
layout = "nchw"
channels = "bgr"
mean = [0.0, 0.0, 0.0]
scale = [1.0, 1.0, 1.0]
resize = "stretch"
[model.output]
decoded = false
strides = [8]
[model.threshold]
car = 0.5
motorcycle = 0.5
"#;

/// A folder with a model of the id `tiny` and its registry; `SHA256` in the registry's text becomes the file's hash.
pub fn folder(onnx: &[u8], registry: &str) -> (TempDir, Registry) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tiny.onnx"), onnx).unwrap();
    let text = registry.replace("SHA256", &hex::encode(Sha256::digest(onnx)));
    let path = folder.path().join("registry.toml");
    fs::write(&path, text).unwrap();
    let registry = Registry::load(&path).unwrap_or_else(|error| panic!("{error}"));
    (folder, registry)
}

/// The real ONNX Runtime. Fails, and says how to get it, where there is none.
pub fn runtime() -> Runtime {
    Runtime::load(None).unwrap_or_else(|error| panic!("{error}"))
}

/// Opens the model `tiny`.
pub fn open(onnx: &[u8], registry: &str, options: &SessionOptions) -> Result<Model, InferError> {
    let (_folder, registry) = folder(onnx, registry);
    Model::open(&runtime(), registry.get(&"tiny".parse().unwrap())?, options)
}

/// An error and all that it stems from, with the temporary folder's name taken out.
pub fn chain(error: &dyn std::error::Error, folder: &Path) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}\ncaused by: {error}");
        source = error.source();
    }
    text.replace(&folder.display().to_string(), "DIR")
}

/// A picture by pixel.
pub fn picture(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Picture {
    let bytes = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
    Picture::from_rgb(PictureSize { width, height }, bytes).unwrap()
}

//! What an ONNX file has to take and to answer to be the model that its registry entry describes.

use std::fmt::Write as _;

use ort::value::{Outlet, TensorElementType, ValueType};

use crate::{
    decode::anchors,
    registry::{Entry, Family},
};

/// An input that tells a DETR's post-processor the size of the picture: int64 `[1, 2]`, width and height.
const SIZES_INPUT: &str = "orig_target_sizes";

/// How a family's outputs are arranged in this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One output.
    Yolox,
    /// Class probabilities of all levels, then distances of all levels.
    PicodetSplit,
    /// One output with both side by side.
    PicodetJoined,
    /// Boxes, logits.
    DetrRaw,
    /// Labels, boxes, scores.
    DetrFinished,
    /// One output.
    Classify,
    /// One output.
    Segment,
}

/// What a file was found to take and answer; it fits its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// Name of the picture's input.
    pub input: String,
    /// Whether it takes bytes rather than floats.
    pub bytes: bool,
    /// Name of the input that wants to know the picture's size, where there is one.
    pub sizes: Option<String>,
    /// Names of the outputs in the order of the layout.
    pub outputs: Vec<String>,
    /// How the outputs are arranged.
    pub layout: Layout,
}

/// What one number of a shape may be, and what to mend where it is another.
struct Dim {
    /// The right sizes; any where there is none.
    sizes: Vec<i64>,
    mend: &'static str,
}

fn dim(size: usize, mend: &'static str) -> Dim {
    Dim { sizes: vec![size as i64], mend }
}

fn any() -> Dim {
    Dim { sizes: Vec::new(), mend: "" }
}

impl Contract {
    /// Compares what the file has with what its entry says; the error says what differs and which key to mend.
    pub fn of(entry: &Entry, inputs: &[Outlet], outputs: &[Outlet]) -> Result<Self, String> {
        let (input, bytes) = picture_input(entry, inputs)?;
        let sizes = sizes_input(entry, inputs)?;
        let outputs = named_outputs(entry, outputs)?;
        let layout = layout(entry, outputs.len()).ok_or_else(|| {
            let levels = entry.output.strides.len();
            let has = match entry.family {
                Family::Yolox | Family::Classify | Family::Segment => "1".to_owned(),
                Family::Picodet => format!("{} (with {levels} strides) or 1", 2 * levels),
                Family::Detr => "2 or 3".to_owned(),
            };
            let found = outputs.iter().map(|output| describe(output)).collect::<Vec<_>>().join(", ");
            let (count, family) = (outputs.len(), entry.family);
            format!("it has {count} outputs ({found}) and a {family} model has {has}: mend `family`, `output.strides` or `output.names`")
        })?;
        for (index, output) in outputs.iter().enumerate() {
            let Some((_, shape)) = tensor(output) else {
                return Err(format!("output {} is no tensor: mend `output.names`", describe(output)));
            };
            check(layout, entry, index, output.name(), shape)?;
        }
        let outputs = outputs.iter().map(|output| output.name().to_owned()).collect();
        Ok(Self { input: input.to_owned(), bytes, sizes, outputs, layout })
    }

    /// Checks the shape of what output `index` answered; dynamic sizes show only then.
    pub fn check_answer(&self, entry: &Entry, index: usize, shape: &[i64]) -> Result<(), String> {
        check(self.layout, entry, index, &self.outputs[index], shape)
    }
}

/// The input that takes the picture, and whether it takes bytes.
fn picture_input<'s>(entry: &Entry, inputs: &'s [Outlet]) -> Result<(&'s str, bool), String> {
    let pictures: Vec<_> = inputs.iter().filter(|input| input.name() != SIZES_INPUT).collect();
    let [input] = pictures[..] else {
        let found = inputs.iter().map(describe).collect::<Vec<_>>().join(", ");
        return Err(format!("it has {} inputs ({found}) and one is wanted: export it without the others", inputs.len()));
    };
    let bytes = match tensor(input) {
        Some((TensorElementType::Float32, _)) => false,
        Some((TensorElementType::Uint8, _)) => true,
        _ => return Err(format!("input {} is neither float32 nor uint8: export it with one of them", describe(input))),
    };
    if bytes && (entry.input.mean != [0.0; 3] || entry.input.scale != [1.0; 3]) {
        return Err(format!(
            "input {} takes bytes as they are: mend `input.mean` (to [0.0, 0.0, 0.0]) and `input.scale` (to [1.0, 1.0, 1.0])",
            describe(input)
        ));
    }
    let law = [
        dim(1, "the file (export it with batch 1)"),
        dim(3, "the file (export it with planes first, nchw)"),
        dim(entry.input.size.height as usize, "`input.height`"),
        dim(entry.input.size.width as usize, "`input.width`"),
    ];
    obey(&law, "input", input.name(), tensor(input).map_or(&[], |(_, shape)| shape))?;
    Ok((input.name(), bytes))
}

fn sizes_input(entry: &Entry, inputs: &[Outlet]) -> Result<Option<String>, String> {
    let Some(input) = inputs.iter().find(|input| input.name() == SIZES_INPUT) else { return Ok(None) };
    match tensor(input) {
        Some((TensorElementType::Int64, _)) if entry.family == Family::Detr => Ok(Some(SIZES_INPUT.to_owned())),
        _ => Err(format!("input {} is known as an int64 input of detr models only: mend `family`", describe(input))),
    }
}

/// The outputs in the entry's order, or in the file's where the entry has none.
fn named_outputs<'s>(entry: &Entry, outputs: &'s [Outlet]) -> Result<Vec<&'s Outlet>, String> {
    if entry.output.names.is_empty() {
        return Ok(outputs.iter().collect());
    }
    let find = |name: &String| {
        outputs.iter().find(|output| output.name() == name).ok_or_else(|| {
            let found = outputs.iter().map(Outlet::name).collect::<Vec<_>>().join(", ");
            format!("it has no output `{name}`; it has {found}: mend `output.names`")
        })
    };
    entry.output.names.iter().map(find).collect()
}

fn layout(entry: &Entry, outputs: usize) -> Option<Layout> {
    Some(match (entry.family, outputs) {
        (Family::Yolox, 1) => Layout::Yolox,
        (Family::Picodet, 1) => Layout::PicodetJoined,
        (Family::Picodet, n) if n == 2 * entry.output.strides.len() => Layout::PicodetSplit,
        (Family::Detr, 2) => Layout::DetrRaw,
        (Family::Detr, 3) => Layout::DetrFinished,
        (Family::Classify, 1) => Layout::Classify,
        (Family::Segment, 1) => Layout::Segment,
        _ => return None,
    })
}

/// Checks the shape of one output; -1 is a size that is known only when the model runs.
fn check(layout: Layout, entry: &Entry, index: usize, name: &str, shape: &[i64]) -> Result<(), String> {
    const BATCH: &str = "the file (export it with batch 1)";
    const CELLS: &str = "`input.width`, `input.height` or `output.strides`";
    const CLASSES: &str = "`classes`";
    let (classes, strides, input) = (entry.classes.len(), &entry.output.strides, entry.input.size);
    let batch = || dim(1, BATCH);
    let law = match layout {
        Layout::Yolox => vec![batch(), dim(anchors(input, strides), CELLS), dim(5 + classes, CLASSES)],
        Layout::PicodetSplit => {
            let stride = strides[index % strides.len()];
            let last = if index < strides.len() { dim(classes, CLASSES) } else { any() };
            vec![batch(), dim(anchors(input, &[stride]), CELLS), last]
        }
        Layout::PicodetJoined => vec![batch(), dim(anchors(input, strides), CELLS), any()],
        Layout::DetrRaw => match index {
            0 => vec![batch(), any(), dim(4, "`output.names` (boxes come first)")],
            _ => vec![batch(), any(), dim(classes, CLASSES)],
        },
        Layout::DetrFinished => match index {
            1 => vec![batch(), any(), dim(4, "`output.names` (labels, boxes, scores)")],
            _ => vec![batch(), any()],
        },
        Layout::Classify => vec![batch(), dim(classes, CLASSES)],
        Layout::Segment => {
            // A background plane may stand before the only class.
            let planes = Dim { sizes: if classes == 1 { vec![1, 2] } else { vec![classes as i64] }, mend: CLASSES };
            match strides[..] {
                [stride] => {
                    let cells = |side: u32| dim(side.div_ceil(stride) as usize, CELLS);
                    vec![batch(), planes, cells(input.height), cells(input.width)]
                }
                _ => vec![batch(), planes, any(), any()],
            }
        }
    };
    obey(&law, "output", name, shape)?;
    let distances = match layout {
        Layout::PicodetSplit if index >= strides.len() => shape[2],
        Layout::PicodetJoined if shape[2] > 0 => shape[2] - classes as i64,
        _ => return Ok(()),
    };
    if distances == -1 || (distances > 0 && distances % 4 == 0) {
        Ok(())
    } else {
        let shape = sizes(shape);
        Err(format!(
            "output `{name}` is {shape}, whose {distances} distances are not four sides of equal bins: mend `classes` or `output.names`"
        ))
    }
}

/// Whether a shape is what it has to be, up to sizes that are not known yet.
fn obey(law: &[Dim], what: &str, name: &str, shape: &[i64]) -> Result<(), String> {
    let fits = |(dim, &size): (&Dim, &i64)| size == -1 || dim.sizes.is_empty() || dim.sizes.contains(&size);
    let wrong = law.iter().zip(shape).find(|&(dim, size)| !fits((dim, size)));
    let mend = match wrong {
        _ if law.len() != shape.len() => "`family` or `output.names`",
        Some((dim, _)) => dim.mend,
        None => return Ok(()),
    };
    let mut declared = String::new();
    for dim in law {
        let sizes = dim.sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        let _ =
            write!(declared, "{}{}", if declared.is_empty() { "" } else { ", " }, if sizes.is_empty() { "any" } else { &sizes });
    }
    Err(format!("{what} `{name}` is {}, by the registry it would be [{declared}]: mend {mend}", sizes(shape)))
}

fn tensor(outlet: &Outlet) -> Option<(TensorElementType, &[i64])> {
    match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => Some((*ty, shape)),
        _ => None,
    }
}

fn sizes(shape: &[i64]) -> String {
    let size = |&size: &i64| if size < 0 { "any".to_owned() } else { size.to_string() };
    format!("[{}]", shape.iter().map(size).collect::<Vec<_>>().join(", "))
}

fn describe(outlet: &Outlet) -> String {
    match tensor(outlet) {
        Some((ty, shape)) => format!("`{}` {} {ty}", outlet.name(), sizes(shape)),
        None => format!("`{}`", outlet.name()),
    }
}

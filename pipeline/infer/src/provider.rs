//! Execution providers: what ONNX Runtime computes on.

use std::{fmt, str::FromStr};

use ort::ep::{self, ExecutionProvider as _};
use serde::{Deserialize, Serialize};

/// What a model is computed on. All but `cpu` need a build of ONNX Runtime that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Provider {
    /// The processor, by ONNX Runtime's own kernels.
    #[default]
    Cpu,
    /// NVIDIA graphics, by CUDA and cuDNN.
    Cuda,
    /// NVIDIA graphics, by TensorRT; the first start of a model takes minutes while TensorRT builds its engine.
    TensorRt,
    /// Intel processors, graphics and NPUs.
    OpenVino,
    /// AMD graphics.
    MiGraphX,
    /// Qualcomm NPUs.
    Qnn,
    /// ARM processors and others, by XNNPACK.
    Xnnpack,
}

impl Provider {
    /// All providers, in the order of their declaration.
    pub const ALL: [Self; 7] = [Self::Cpu, Self::Cuda, Self::TensorRt, Self::OpenVino, Self::MiGraphX, Self::Qnn, Self::Xnnpack];

    /// The provider as it is spelled in configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::OpenVino => "openvino",
            Self::MiGraphX => "migraphx",
            Self::Qnn => "qnn",
            Self::Xnnpack => "xnnpack",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an execution provider: use cpu, cuda, tensorrt, openvino, migraphx, qnn or xnnpack")]
pub struct ProviderError(String);

impl FromStr for Provider {
    type Err = ProviderError;
    fn from_str(text: &str) -> Result<Self, ProviderError> {
        Self::ALL.into_iter().find(|provider| provider.as_str() == text).ok_or_else(|| ProviderError(text.to_owned()))
    }
}

impl TryFrom<String> for Provider {
    type Error = ProviderError;
    fn try_from(text: String) -> Result<Self, ProviderError> {
        text.parse()
    }
}

impl From<Provider> for &'static str {
    fn from(provider: Provider) -> Self {
        provider.as_str()
    }
}

/// The providers that the loaded library has, in the order of [`Provider::ALL`].
pub(crate) fn available() -> ort::Result<Vec<Provider>> {
    let mut available = Vec::new();
    for provider in Provider::ALL {
        if has(provider)? {
            available.push(provider);
        }
    }
    Ok(available)
}

fn has(provider: Provider) -> ort::Result<bool> {
    match provider {
        Provider::Cpu => Ok(true),
        Provider::Cuda => ep::CUDA::is_available(),
        Provider::TensorRt => ep::TensorRT::is_available(),
        Provider::OpenVino => ep::OpenVINO::is_available(),
        Provider::MiGraphX => ep::MIGraphX::is_available(),
        Provider::Qnn => ep::QNN::is_available(),
        Provider::Xnnpack => ep::XNNPACK::is_available(),
    }
}

/// What to register with a session, which then does not start where the provider does not; nothing for the processor.
pub(crate) fn dispatch(provider: Provider, threads: usize) -> Option<ep::ExecutionProviderDispatch> {
    let dispatch = match provider {
        Provider::Cpu => return None,
        Provider::Cuda => ep::CUDA::default().build(),
        Provider::TensorRt => ep::TensorRT::default().build(),
        Provider::OpenVino => ep::OpenVINO::default().with_num_threads(threads).build(),
        Provider::MiGraphX => ep::MIGraphX::default().build(),
        Provider::Qnn => ep::QNN::default().build(),
        Provider::Xnnpack => ep::XNNPACK::default().build(),
    };
    Some(dispatch.error_on_failure())
}

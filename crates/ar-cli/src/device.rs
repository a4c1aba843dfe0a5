//! `--device`.

use std::str::FromStr;

use anyhow::{Context as _, Result};
use candle_core::Device;

use crate::failure::usage;

/// What `--device` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum DeviceChoice {
    /// The first accelerator this program was built for and finds, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// CUDA device N.
    Cuda(usize),
    /// Apple's graphics.
    Metal,
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let index = text.strip_prefix("cuda:").map(str::parse);
        match (text, index) {
            ("auto", _) => Ok(Self::Auto),
            ("cpu", _) => Ok(Self::Cpu),
            ("metal", _) => Ok(Self::Metal),
            ("cuda", _) => Ok(Self::Cuda(0)),
            (_, Some(Ok(n))) => Ok(Self::Cuda(n)),
            _ => Err("must be auto, cpu, cuda, cuda:N or metal".to_owned()),
        }
    }
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// When this program was built without the device's feature, or there is no such device.
    pub(crate) fn open(self) -> Result<Device> {
        let missing = |feature: &str| {
            usage(format!(
                "--device {feature}: this program was built without it; build with --features {feature}"
            ))
        };
        match self {
            Self::Auto if cfg!(feature = "cuda") => Ok(Device::new_cuda(0).unwrap_or(Device::Cpu)),
            Self::Auto if cfg!(feature = "metal") => {
                Ok(Device::new_metal(0).unwrap_or(Device::Cpu))
            }
            Self::Cpu | Self::Auto => Ok(Device::Cpu),
            Self::Cuda(_) if !cfg!(feature = "cuda") => Err(missing("cuda")),
            Self::Metal if !cfg!(feature = "metal") => Err(missing("metal")),
            Self::Cuda(n) => {
                Device::new_cuda(n).with_context(|| format!("cannot open --device cuda:{n}"))
            }
            Self::Metal => Device::new_metal(0).context("cannot open --device metal"),
        }
    }
}

/// "cpu", "cuda:0", "metal:0".
pub(crate) fn name(device: &Device) -> String {
    match device.location() {
        candle_core::DeviceLocation::Cpu => "cpu".to_owned(),
        candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        candle_core::DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse() {
        let named = [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("cuda", DeviceChoice::Cuda(0)),
            ("cuda:3", DeviceChoice::Cuda(3)),
            ("metal", DeviceChoice::Metal),
        ];
        for (text, expected) in named {
            assert_eq!(text.parse(), Ok(expected));
        }
        for wrong in ["", "gpu", "cuda:", "cuda:-1", "cuda:x"] {
            assert!(wrong.parse::<DeviceChoice>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_not_compiled_in_says_how_to_get_it() {
        if !cfg!(feature = "metal") {
            let error = DeviceChoice::Metal.open().unwrap_err().to_string();
            assert!(error.contains("--features metal"), "{error}");
        }
        assert_eq!(name(&DeviceChoice::Cpu.open().unwrap()), "cpu");
    }
}

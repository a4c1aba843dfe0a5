use std::sync::Arc;

use ar_core::{Error, MaskType, Result, Taps};
use candle_nn::{Init, VarBuilder};

use super::{Builder, Value};
use crate::Activation;
use crate::primitive::{Conv, ConvConfig, Neighbourhood};

impl Builder {
    /// A causal convolution of `x`. Parameters `weight (taps, c_in, c_out)`, normal with variance
    /// 2 / (taps · c_in) (He et al. 2015) when a rectifier follows and 1 / (taps · c_in) otherwise
    /// (the deviation times [`ConvConfig::scale`]), and `bias (c_out)`, zero.
    ///
    /// # Errors
    /// [`Error::Config`] when the kernel is even, reads nothing, a channel group gets no feature, or
    /// [`Activation::Gelu`] is to follow: its gradient needs what went into it.
    pub fn conv(&mut self, x: Value, config: ConvConfig, vb: &VarBuilder<'_>) -> Result<Value> {
        self.conv_plus(x, config, None, vb)
    }

    /// [`Builder::conv`] whose result is added to `residual`.
    ///
    /// # Errors
    /// As [`Builder::conv`], and when the residual has another width.
    pub fn residual_conv(
        &mut self,
        x: Value,
        config: ConvConfig,
        residual: Value,
        vb: &VarBuilder<'_>,
    ) -> Result<Value> {
        self.conv_plus(x, config, Some(residual), vb)
    }

    fn conv_plus(
        &mut self,
        x: Value,
        config: ConvConfig,
        residual: Option<Value>,
        vb: &VarBuilder<'_>,
    ) -> Result<Value> {
        let kernel = config.kernel;
        let centred = config.neighbourhood != Neighbourhood::Sequence;
        if centred && (kernel.height.is_multiple_of(2) || kernel.width.is_multiple_of(2))
            || kernel.dilation == 0
        {
            let size = format!(
                "{}x{} (dilation {})",
                kernel.height, kernel.width, kernel.dilation
            );
            return Err(Error::config(
                "kernel",
                format!("sizes must be odd and the dilation positive, not {size}"),
            ));
        }
        // A 1x1 layer over a value of complete rows makes another such value.
        let by_rows = self.by_rows(x.0) && residual.is_none_or(|r| self.by_rows(r.0));
        let neighbourhood = match config.neighbourhood {
            Neighbourhood::Plane if by_rows && kernel.height == 1 && kernel.width == 1 => {
                Neighbourhood::Rows
            }
            other => other,
        };
        let config = ConvConfig {
            neighbourhood,
            ..config
        };
        let order = &self.program.order;
        let taps = if neighbourhood == Neighbourhood::Rows {
            if residual.is_some_and(|r| !self.by_rows(r.0))
                || (config.mask == MaskType::B && !self.by_rows(x.0))
            {
                return Err(Error::config(
                    "vertical",
                    "a vertical stack begins with type A and reads nothing of the horizontal stack",
                ));
            }
            Taps::vertical(order, kernel, config.mask)?
        } else if neighbourhood == Neighbourhood::Sequence {
            Taps::sequence(order, kernel.width, kernel.dilation, config.mask)
        } else {
            Taps::new(order, kernel, config.mask)
        };
        if taps.count() == 0 {
            return Err(Error::config(
                "kernel",
                "a 1x1 convolution of type A reads nothing",
            ));
        }
        let parts = config.parts.max(1);
        let to = self.split(config.features / parts, "features")?;
        let to = to.scaled(parts);
        if let Some(r) = residual
            && *self.groups(r) != to
        {
            return Err(Error::config(
                "features",
                "a residual connection needs equal widths",
            ));
        }
        if residual.is_some() && config.after != Activation::Identity {
            return Err(Error::config(
                "after",
                "a residual convolution takes no activation after it",
            ));
        }
        if config.after == Activation::Gelu {
            return Err(Error::config(
                "after",
                "gelu comes before the next convolution: its gradient needs its input",
            ));
        }
        let (from, k) = (
            self.groups(x).clone(),
            taps.count() * self.groups(x).features(),
        );
        let gain = if config.after == Activation::Identity {
            1.0
        } else {
            2.0
        };
        let stdev = config.scale * (gain / k as f64).sqrt();
        let shape = (taps.count(), from.features(), config.features);
        let weight = vb.get_with_hints(shape, "weight", Init::Randn { mean: 0.0, stdev })?;
        let bias = vb.get_with_hints(config.features, "bias", Init::Const(0.0))?;
        let conv = Conv::new(Arc::new(taps), &config, from, to, &weight)?;
        let inputs: Vec<Value> = [x].into_iter().chain(residual).collect();
        Ok(self.push(conv, &inputs, vec![weight, bias]))
    }
}

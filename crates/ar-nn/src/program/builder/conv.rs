use ar_core::{Conditioning, Error, Grid, MaskType, Result, Stride, Taps};
use candle_nn::{Init, VarBuilder};

use super::{Builder, LEVELS, Value, normal, refuse_if};
use crate::Activation;
use crate::primitive::{Centre, Conv, ConvConfig, Neighbourhood};

impl Builder {
    /// A causal convolution of `x`. Parameters `weight (taps, c_in, c_out)`, normal with variance
    /// 2 / (taps · c_in) (He et al. 2015) when a rectifier follows and 1 / (taps · c_in) otherwise
    /// (the deviation times [`ConvConfig::scale`]), and `bias (c_out)`, zero.
    ///
    /// # Errors
    /// [`Error::Config`] when the kernel is even, reads nothing, a channel group gets no feature, or
    /// [`Activation::Gelu`] is to follow: its gradient needs what went into it.
    pub fn conv(&mut self, x: Value, config: ConvConfig, vb: &VarBuilder<'_>) -> Result<Value> {
        self.conv_plus(x, config, None, None, vb)
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
        self.conv_plus(x, config, Some(residual), None, vb)
    }

    /// A [`Stride::Up`] window of `x` onto the grid of `like`, which is twice as fine.
    ///
    /// # Errors
    /// As [`Builder::conv`], and when the grid of `x` is not half of that.
    pub fn conv_onto(
        &mut self,
        like: Value,
        x: Value,
        config: ConvConfig,
        vb: &VarBuilder<'_>,
    ) -> Result<Value> {
        let grid = self.program.grid(like.0);
        self.conv_plus(x, config.strided(Stride::Up), None, Some(grid), vb)
    }

    /// Features of squares of pixels become `features` of every pixel, which [`Builder::condition`] then adds: a
    /// transposed convolution for each halving (WaveNet, arXiv:1609.03499, section 2.5). Nothing where the
    /// condition is anything else. Parameters of each, from the coarsest: [`Builder::conv`]'s.
    ///
    /// # Errors
    /// [`Error::Config`] when sub-pixels are positions of their own, or what [`Builder::conv`] gives.
    pub fn upsample_condition(&mut self, features: usize, vb: &VarBuilder<'_>) -> Result<()> {
        let Conditioning::Map { every, .. } = self.program.conditioning else {
            return Ok(());
        };
        let problem =
            format!("the squares of a map have a side that is a power of two, not {every}");
        refuse_if(!every.is_power_of_two(), "conditioning", problem)?;
        let is_of_subpixels = self.domain.channels != self.program.domain.channels;
        let problem = "a map of squares is for models whose positions are pixels";
        refuse_if(every > 1 && is_of_subpixels, "conditioning", problem)?;
        let finest = Grid::of(&self.program.order);
        let finer = std::iter::successors(Some(finest), |grid| Some(grid.halved()));
        let grids: Vec<Grid> = finer.take(every.ilog2() as usize).collect();
        // A pixel reads the square it lies in, so that windows of a sequence see what the whole sees.
        let rows = [0, isize::from(finest.height > 1)];
        for (i, grid) in grids.into_iter().rev().enumerate() {
            let window = ConvConfig::window(rows, [0, 1], features).strided(Stride::Up);
            self.condition = self.conv_plus(self.condition, window, None, Some(grid), &vb.pp(i))?;
        }
        Ok(())
    }

    fn conv_plus(
        &mut self,
        x: Value,
        config: ConvConfig,
        residual: Option<Value>,
        grid: Option<Grid>,
        vb: &VarBuilder<'_>,
    ) -> Result<Value> {
        let kernel = config.kernel;
        let [height, width, dilation] = [kernel.height, kernel.width, kernel.dilation];
        let is_even = height.is_multiple_of(2) || width.is_multiple_of(2);
        let centred = [Neighbourhood::Plane, Neighbourhood::Rows].contains(&config.neighbourhood);
        let problem = format!(
            "sizes must be odd and the dilation positive, not {height}x{width} (dilation {dilation})"
        );
        refuse_if(centred && is_even || dilation == 0, "kernel", problem)?;
        let (taps, centre, grid) = self.taps(x, &config, residual, grid)?;
        let sites = self.program.sites(x.0);
        let problem = "a 1x1 convolution of type A reads nothing";
        refuse_if(taps.count() == 0, "kernel", problem)?;
        let other_grid = residual.is_some_and(|r| self.program.grid(r.0) != grid);
        let problem = "a residual connection needs equal sizes";
        refuse_if(other_grid, "grid", problem)?;
        let parts = config.parts.max(1);
        let to = self.split(config.features / parts, "features")?;
        let to = to.scaled(parts);
        let other_width = residual.is_some_and(|r| *self.groups(r) != to);
        let problem = "a residual connection needs equal widths";
        refuse_if(other_width, "features", problem)?;
        let is_linear = config.after == Activation::Identity;
        let problem = "a residual convolution takes no activation after it";
        refuse_if(residual.is_some() && !is_linear, "after", problem)?;
        let problem = "gelu comes before the next convolution: its gradient needs its input";
        refuse_if(config.after == Activation::Gelu, "after", problem)?;
        let from = self.groups(x).clone();
        let k = taps.count() * from.features();
        let gain = if is_linear { 1.0 } else { 2.0 };
        let stdev = config.scale * (gain / k as f64).sqrt();
        let shape = (taps.count(), from.features(), config.features);
        let weight = vb.get_with_hints(shape, "weight", normal(stdev))?;
        let bias = vb.get_with_hints(config.features, "bias", Init::Const(0.0))?;
        let mut parameters = vec![weight, bias];
        if config.weight_norm {
            let one = Init::Const(1.0);
            parameters.insert(1, vb.get_with_hints(config.features, "gain", one)?);
        }
        let conv = Conv::new((taps, centre), sites, &config, [from, to], &parameters[0])?;
        let inputs: Vec<Value> = [x].into_iter().chain(residual).collect();
        Ok(self.push_on(grid, conv, &inputs, parameters))
    }

    /// Where the taps read, which channel groups the one at the site itself, and the grid of the result.
    fn taps(
        &self,
        x: Value,
        config: &ConvConfig,
        residual: Option<Value>,
        grid: Option<Grid>,
    ) -> Result<(Taps, Centre, Grid)> {
        let (order, kernel) = (&self.program.order, config.kernel);
        let own = self.program.grid(x.0);
        if let Neighbourhood::Window {
            rows,
            columns,
            stride,
        } = config.neighbourhood
        {
            let [rows, columns] = [rows, columns].map(|[first, last]| first..=last);
            let grid = match stride {
                Stride::One => own,
                Stride::Down => own.halved(),
                Stride::Up => grid.filter(|grid| grid.halved() == own).ok_or_else(|| {
                    Error::config("grid", "an upsampling convolution needs the grid to end on")
                })?,
            };
            let taps = Taps::window(own, grid, stride, rows, columns);
            return Ok((taps, Centre::Whole, grid));
        }
        let masked = Centre::Masked(config.mask);
        // A 1x1 layer, on any grid.
        if kernel.height == 1 && kernel.width == 1 && config.mask == MaskType::B {
            // What is complete before its pixel is free for all of its channels.
            let values = [x].into_iter().chain(residual);
            let complete = values.into_iter().all(|v| self.program.is_complete(v.0));
            let centre = if complete { Centre::Whole } else { masked };
            let taps = Taps::window(own, own, Stride::One, 0..=0, 0..=0);
            return Ok((taps, centre, own));
        }
        let problem = "what follows the order needs a site for each pixel; take a window";
        refuse_if(own != self.program.grid(LEVELS), "kernel", problem)?;
        let (taps, centre) = match config.neighbourhood {
            Neighbourhood::Rows => (Taps::vertical(order, kernel, config.mask), Centre::Whole),
            Neighbourhood::Sequence => {
                let (size, dilation) = (kernel.width, kernel.dilation);
                (Taps::sequence(order, size, dilation, config.mask)?, masked)
            }
            _ => (Taps::new(order, kernel, config.mask), masked),
        };
        Ok((taps, centre, own))
    }
}

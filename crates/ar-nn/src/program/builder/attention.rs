use ar_core::{Conditioning, Error, MaskType, Result};
use candle_nn::{Init, VarBuilder};

use super::{Builder, CONDITION, Value};
use crate::primitive::{Attention, Previous};

impl Builder {
    /// x at the site before in the generation order: what a sequence model reads in place of the
    /// value it predicts. The first site gets a learned vector (of the class, in a network
    /// conditioned on one). Parameter `weight (1 or classes, c)`, normal with deviation 1.
    ///
    /// # Errors
    /// [`Error::Config`] when x has several channel groups, or what `vb` gives for the parameter.
    pub fn previous(&mut self, x: Value, vb: &VarBuilder<'_>) -> Result<Value> {
        self.one_group(x)?;
        let (mut inputs, mut rows) = (vec![x], 1);
        if let Conditioning::Class { classes } = self.program.conditioning {
            inputs.push(Value(CONDITION));
            rows = classes;
        }
        let groups = self.groups(x).clone();
        let init = Init::Randn {
            mean: 0.0,
            stdev: 1.0,
        };
        let start = vb.get_with_hints((rows, groups.features()), "weight", init)?;
        let previous = Previous::new(&self.program.order, groups)?;
        Ok(self.push(previous, &inputs, vec![start]))
    }

    /// Causal attention with `heads` heads: `queries` of d features read `keys_values`, d keys and
    /// then d values, of every earlier site in the generation order, and with mask B of the site
    /// itself. Where there is none the result is zero.
    ///
    /// # Errors
    /// [`Error::Config`] when there are several channel groups, the widths are not d and 2·d, or the
    /// heads do not divide d.
    pub fn attention(
        &mut self,
        queries: Value,
        keys_values: Value,
        heads: usize,
        mask: MaskType,
    ) -> Result<Value> {
        self.one_group(queries)?;
        self.one_group(keys_values)?;
        let groups = self.groups(queries).clone();
        let (d, pair) = (groups.features(), self.groups(keys_values).features());
        if pair != 2 * d {
            return Err(Error::config(
                "features",
                format!("{d} queries need as many keys and as many values, not {pair}"),
            ));
        }
        if heads == 0 || !d.is_multiple_of(heads) {
            return Err(Error::config(
                "heads",
                format!("must divide the {d} features, not {heads}"),
            ));
        }
        if !self.program.order.is_sequence() {
            return Err(Error::config(
                "order",
                "attention needs an order of one site a step",
            ));
        }
        let attention = Attention::new(&self.program.order, groups, heads, mask);
        Ok(self.push(attention, &[queries, keys_values], Vec::new()))
    }

    fn one_group(&self, x: Value) -> Result<()> {
        if self.groups(x).count() == 1 {
            return Ok(());
        }
        Err(Error::config(
            "order",
            "a sequence has one channel: let every value be a site, as in Builder::of_subpixels",
        ))
    }
}

use ar_core::{ChannelGroups, Error, Result};
use candle_nn::VarBuilder;

use super::{Builder, CONDITION, Value, normal, refuse_if};
use crate::primitive::{Attention, AttentionConfig, Previous, Reach};

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
        let conditioning = self.program.conditioning;
        if let Some(all) = conditioning.class_rows() {
            inputs.push(Value(CONDITION));
            rows = all;
        }
        let groups = self.groups(x).clone();
        let start = vb.get_with_hints((rows, groups.features()), "weight", normal(1.0))?;
        let previous = Previous::new(&self.program.order, groups, conditioning)?;
        Ok(self.push(previous, &inputs, vec![start]))
    }

    /// Causal attention: `queries` of d features read `keys_values`, d keys and then any number of
    /// values, of earlier sites in the generation order. Where there is none the result is zero.
    ///
    /// # Errors
    /// [`Error::Config`] when there are several channel groups, there are no values, the heads do not divide
    /// both widths, or the reach is of no queries or of too many sites.
    pub fn attention(
        &mut self,
        queries: Value,
        keys_values: Value,
        config: AttentionConfig,
    ) -> Result<Value> {
        self.one_group(queries)?;
        self.one_group(keys_values)?;
        let (d, pair) = (self.features(queries), self.features(keys_values));
        let Some(values) = pair.checked_sub(d).filter(|values| *values > 0) else {
            let problem = format!("{d} queries need as many keys and then values, not {pair}");
            return Err(Error::config("features", problem));
        };
        let heads = config.heads;
        for width in [d, values] {
            let problem = format!("must divide the {width} features, not {heads}");
            refuse_if(heads == 0 || !width.is_multiple_of(heads), "heads", problem)?;
        }
        let is_empty = match config.reach {
            Reach::All => false,
            Reach::Recent { queries, .. } => queries == 0,
            Reach::Nearby { block, .. } => block.contains(&0),
        };
        refuse_if(is_empty, "reach", "a block of queries has one at least")?;
        let problem = "attention needs an order of one site a step";
        refuse_if(!self.program.order.is_sequence(), "order", problem)?;
        let groups = ChannelGroups::split(values, 1);
        let attention = Attention::new(&self.program.order, d, groups, config)?;
        Ok(self.push(attention, &[queries, keys_values], Vec::new()))
    }

    pub(super) fn one_group(&self, x: Value) -> Result<()> {
        let problem =
            "a sequence has one channel: let every value be a site, as in Builder::of_subpixels";
        refuse_if(self.groups(x).count() != 1, "order", problem)
    }
}

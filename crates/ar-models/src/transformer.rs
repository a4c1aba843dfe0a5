//! What transformers over values share.

use ar_core::{Conditioning, Error, MaskType, Result};
use ar_nn::{Activation, AttentionConfig, Builder, ConvConfig, Reach, Value};
use candle_nn::VarBuilder;

/// The blocks of a transformer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blocks {
    /// Features of the stream, d.
    pub(crate) embed: usize,
    /// Features within a perceptron.
    pub(crate) perceptron: usize,
    /// Its activation.
    pub(crate) activation: Activation,
    /// Attention heads of each block.
    pub(crate) heads: usize,
    /// How far attention reaches.
    pub(crate) reach: Reach,
    /// Blocks of attention and perceptron.
    pub(crate) layers: usize,
    /// Share of what a branch adds to the stream that is zeroed while training.
    pub(crate) dropout: f64,
}

impl Blocks {
    /// Those of the GPT family: a perceptron of 4·d.
    pub(crate) fn gpt(embed: usize, heads: usize, layers: usize) -> Self {
        Self {
            embed,
            perceptron: embed.saturating_mul(4),
            activation: Activation::Gelu,
            heads,
            reach: Reach::All,
            layers,
            dropout: 0.0,
        }
    }

    /// # Errors
    /// [`Error::Config`] naming the field that is out of range, or for a condition that is no class: it
    /// enters as the start of the sequence of `model`.
    pub(crate) fn validate(self, model: &str, conditioning: Conditioning) -> Result<()> {
        let Self {
            embed,
            heads,
            layers,
            ..
        } = self;
        for (field, value, most) in [
            ("embed", embed, 65536),
            ("heads", heads, embed),
            ("layers", layers, 4096),
        ] {
            if !(1..=most).contains(&value) {
                let range = format!("must be from 1 to {most}, not {value}");
                return Err(Error::config(field, range));
            }
        }
        if !embed.is_multiple_of(heads) {
            let problem = format!("must divide embed = {embed}, not {heads}");
            return Err(Error::config("heads", problem));
        }
        match (conditioning, conditioning.classes()) {
            (Conditioning::None, _) | (_, Some(_)) => Ok(()),
            _ => Err(Error::config(
                "conditioning",
                format!(
                    "{model} takes a class, as the start of its sequence; for a vector or a map take \
                     gated-pixelcnn"
                ),
            )),
        }
    }

    // ANCHOR: block
    /// A block: attention and then a perceptron, each behind a norm and added to the stream. With
    /// `target`, what attention reads also learns which position it is to predict.
    pub(crate) fn block(
        self,
        net: &mut Builder,
        h: Value,
        target: bool,
        vb: &VarBuilder<'_>,
    ) -> Result<Value> {
        let (d, vb_attn, vb_mlp) = (self.embed, vb.pp("attn"), vb.pp("mlp"));
        let mut y = net.norm(h, &vb.pp("ln_1"))?;
        if target {
            y = net.position_table(y, &vb.pp("target"))?;
        }
        let q = net.conv(y, ConvConfig::pointwise(d), &vb_attn.pp("q"))?;
        let kv = net.conv(y, ConvConfig::pointwise(2 * d), &vb_attn.pp("kv"))?; // (sites, 2d)
        let attention = AttentionConfig {
            heads: self.heads,
            mask: MaskType::B,
            reach: self.reach,
        };
        let a = net.attention(q, kv, attention)?;
        let h = self.branch(net, a, Activation::Identity, h, &vb_attn.pp("c_proj"))?;
        let y = net.norm(h, &vb.pp("ln_2"))?;
        let m = net.conv(
            y,
            ConvConfig::pointwise(self.perceptron),
            &vb_mlp.pp("c_fc"),
        )?;
        self.branch(net, m, self.activation, h, &vb_mlp.pp("c_proj"))
    }

    /// h + W·activation(x).
    fn branch(
        self,
        net: &mut Builder,
        x: Value,
        activation: Activation,
        h: Value,
        vb: &VarBuilder<'_>,
    ) -> Result<Value> {
        let project = ConvConfig::pointwise(self.embed).scaled(1.0 / (self.layers as f64).sqrt());
        let project = project.before(activation);
        if self.dropout == 0.0 {
            return net.residual_conv(x, project, h, vb);
        }
        let y = net.conv(x, project, vb)?;
        let y = net.dropout(y, self.dropout)?;
        net.add(h, y)
    }
}

/// From the stream to logits.
pub(crate) fn head(net: &mut Builder, h: Value, vb: &VarBuilder<'_>) -> Result<Value> {
    let y = net.norm(h, &vb.pp("ln_f"))?;
    let head = ConvConfig::pointwise(net.outputs()).scaled(0.1);
    net.conv(y, head, &vb.pp("head")) // (H·W·C, P)
}
// ANCHOR_END: block

//! A sequence of any length by a model of a piece of it.

use std::collections::VecDeque;

use candle_core::{Device, Tensor};

use crate::{
    Conditioning, Distribution, Domain, Error, Likelihood, Model, Order, Result, Stepper, Turn,
    nll_of,
};

/// A model of one long row whose conditionals depend on no more than the `reach` pixels before, by the same
/// model of a shorter row: it goes piece by piece, each begun with the `reach` pixels before it. Conditionals
/// are those of the model of all, and a step pass's to the bit; plan and memory are the piece's, whatever the
/// length.
#[derive(Debug)]
pub struct Pieces {
    piece: Box<dyn Distribution>,
    reach: usize,
    domain: Domain,
    order: Order,
}

impl Pieces {
    /// A row of `length` pixels by `piece`, which is of fewer, in raster order, and depends on `reach` pixels
    /// before each.
    ///
    /// # Errors
    /// [`Error::Config`] when the piece is not one row in raster order longer than its reach and shorter than
    /// all, or is told something that varies along it.
    pub fn new(piece: Box<dyn Distribution>, length: usize, reach: usize) -> Result<Self> {
        let (own, refused) = (piece.domain(), |why| Err(Error::config("piece", why)));
        if own.height != 1 || !(reach + 1..length).contains(&own.width) {
            return refused("must be a row longer than its reach and shorter than all");
        }
        if matches!(piece.conditioning(), Conditioning::Map { .. }) {
            return refused("is told something that varies along it");
        }
        let domain = Domain::new(own.channels, 1, length, own.levels)?;
        let order = match piece.members().as_slice() {
            [one] if one.order().is_raster() => Order::raster(&domain, one.order().channel_steps()),
            _ => return refused("must go in raster order"),
        };
        Ok(Self {
            piece,
            reach,
            domain,
            order,
        })
    }

    fn piece(&self) -> &dyn Model {
        self.piece.members()[0]
    }

    /// Where the piece begins in which `pixel` is the first that counts.
    fn begin(&self, pixel: usize) -> usize {
        pixel.saturating_sub(self.reach)
    }
}

impl Distribution for Pieces {
    fn domain(&self) -> Domain {
        self.domain
    }

    fn conditioning(&self) -> Conditioning {
        self.piece.conditioning()
    }

    fn device(&self) -> &Device {
        self.piece.device()
    }

    fn members(&self) -> Vec<&dyn Model> {
        vec![self]
    }

    fn nll(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor> {
        nll_of(self, levels, condition)
    }
}

impl Model for Pieces {
    fn order(&self) -> &Order {
        &self.order
    }

    fn likelihood(&self) -> Likelihood {
        self.piece().likelihood()
    }

    fn depends_on(&self, step: usize) -> Vec<usize> {
        let (per, width) = (self.order.steps_per_position(), self.piece.domain().width);
        // In the first piece while it lasts, then always where all of the reach is there.
        let begin = (step / per + 1).saturating_sub(width);
        let own = self.piece().depends_on(step - begin * per).into_iter();
        own.map(|dim| dim / width * self.domain.width + begin + dim % width)
            .collect()
    }

    fn conditionals(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor> {
        self.domain.batch_of(levels)?;
        let (mut done, mut all) = (0, Vec::new());
        let (width, length) = (self.piece.domain().width, self.domain.width);
        while done < length {
            let begin = self.begin(done).min(length - width);
            let window = levels.narrow(3, begin, width)?.contiguous()?;
            let own = self.piece().conditionals(&window, condition)?; // (B, C / V, 1, W, P)
            all.push(own.narrow(3, done - begin, begin + width - done)?);
            done = begin + width;
        }
        Ok(Tensor::cat(&all, 3)?)
    }

    fn stepper(&self, batch: usize, condition: Option<&Tensor>) -> Result<Box<dyn Stepper + '_>> {
        Ok(Box::new(PiecesStepper {
            inner: self.piece().stepper(batch, condition)?,
            begin: 0,
            turn: Turn::first(self.domain, batch),
            recent: VecDeque::new(),
            batch,
            condition: condition.cloned(),
            of: self,
        }))
    }
}

struct PiecesStepper<'m> {
    of: &'m Pieces,
    /// Of the piece that is gone through.
    inner: Box<dyn Stepper + 'm>,
    /// Its first pixel.
    begin: usize,
    turn: Turn,
    /// Levels of the last steps: those of the reach.
    recent: VecDeque<u32>,
    batch: usize,
    condition: Option<Tensor>,
}

impl PiecesStepper<'_> {
    /// Which step of the piece a step of all is.
    fn within(&self, step: usize) -> usize {
        step - self.begin * self.of.order.steps_per_position()
    }
}

impl Stepper for PiecesStepper<'_> {
    fn conditionals(&mut self, step: usize) -> Result<&[f32]> {
        self.turn.is(step)?;
        let within = self.within(step);
        self.inner.conditionals(within)
    }

    fn feed(&mut self, step: usize, levels: &[u32]) -> Result<()> {
        let (order, piece) = (&self.of.order, self.of.piece());
        self.turn.end(order, step, levels)?;
        self.inner.feed(self.within(step), levels)?;
        let (per, each) = (order.steps_per_position(), levels.len());
        self.recent.extend(levels);
        let beyond = self.recent.len().saturating_sub(self.of.reach * per * each);
        self.recent.drain(..beyond);
        let next = step + 1;
        if self.within(next) < piece.order().steps() || next == order.steps() {
            return Ok(());
        }
        self.begin = self.of.begin(next / per);
        self.inner = piece.stepper(self.batch, self.condition.as_ref())?;
        let known = self.recent.make_contiguous();
        for (step, levels) in known.chunks(each).enumerate() {
            self.inner.feed(step, levels)?;
        }
        Ok(())
    }

    fn fork<'a>(&self) -> Result<Box<dyn Stepper + 'a>>
    where
        Self: 'a,
    {
        Ok(Box::new(PiecesStepper {
            inner: self.inner.fork()?,
            recent: self.recent.clone(),
            condition: self.condition.clone(),
            ..*self
        }))
    }
}

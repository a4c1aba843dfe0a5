//! Which instructions the step pass and the fused routes run on: the widest that the processor has.
//!
//! The step pass gives the same bits on all of them, which is what makes an archive readable elsewhere:
//! products are summed in one order and always fused, sums across lanes have a fixed shape, and nothing comes
//! from the system's mathematics. With the feature `every-width`, tests choose.

use pulp::{Arch, WithSimd};

/// Runs `op` compiled for the processor at hand.
#[inline(always)]
pub(crate) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    #[cfg(feature = "every-width")]
    if let Some(width) = Width::chosen() {
        return width.dispatch(op);
    }
    Arch::new().dispatch(op)
}

#[cfg(feature = "every-width")]
pub use width::Width;

#[cfg(feature = "every-width")]
mod width {
    use std::cell::Cell;
    use std::sync::OnceLock;

    use pulp::{Arch, Scalar, Scalar128b, Scalar256b, Scalar512b, Simd, WithSimd};

    /// Bits of a vector, for those who want to see that they make no difference.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Width {
        /// One number at a time.
        Scalar,
        /// Four numbers.
        Bits128,
        /// Eight.
        Bits256,
        /// Sixteen.
        Bits512,
    }

    thread_local! {
        static CHOSEN: Cell<Option<Width>> = const { Cell::new(None) };
    }

    impl Width {
        /// All of them.
        pub const ALL: [Self; 4] = [Self::Scalar, Self::Bits128, Self::Bits256, Self::Bits512];

        /// Runs `f` on vectors of this width in this thread: emulated, where the processor has none.
        pub fn run<T>(self, f: impl FnOnce() -> T) -> T {
            let before = CHOSEN.replace(Some(self));
            let out = f();
            CHOSEN.set(before);
            out
        }

        /// The one of [`Width::run`], or of the variable `AR_WIDTH`: scalar, 128, 256 or 512.
        pub(super) fn chosen() -> Option<Self> {
            static OF_PROCESS: OnceLock<Option<Width>> = OnceLock::new();
            let named = || match std::env::var("AR_WIDTH").ok()?.as_str() {
                "scalar" => Some(Self::Scalar),
                "128" => Some(Self::Bits128),
                "256" => Some(Self::Bits256),
                "512" => Some(Self::Bits512),
                _ => None,
            };
            CHOSEN.get().or_else(|| *OF_PROCESS.get_or_init(named))
        }

        pub(super) fn dispatch<Op: WithSimd>(self, op: Op) -> Op::Output {
            let lanes = match self {
                Self::Scalar => 1,
                Self::Bits128 => 4,
                Self::Bits256 => 8,
                Self::Bits512 => 16,
            };
            // What users run, where the processor is as wide.
            match (Arch::new().dispatch(IfAsWide { op, lanes }), self) {
                (Ok(out), _) => out,
                (Err(op), Self::Scalar) => op.with_simd(Scalar),
                (Err(op), Self::Bits128) => op.with_simd(Scalar128b),
                (Err(op), Self::Bits256) => op.with_simd(Scalar256b),
                (Err(op), Self::Bits512) => op.with_simd(Scalar512b),
            }
        }
    }

    struct IfAsWide<Op> {
        op: Op,
        lanes: usize,
    }

    impl<Op: WithSimd> WithSimd for IfAsWide<Op> {
        type Output = Result<Op::Output, Op>;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            if S::F32_LANES == self.lanes {
                Ok(self.op.with_simd(simd))
            } else {
                Err(self.op)
            }
        }
    }
}

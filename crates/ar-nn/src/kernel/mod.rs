//! Arithmetic on plain `f32` slices, on one thread: what the fused routes are made of.
//!
//! Every function gives the same bits whatever the number of threads and whatever else is in the
//! batch: sums run in an order that depends on the shapes alone.

mod elementwise;
mod exp;
mod gemm;
mod instructions;
mod panel;
mod rows;
mod staircase;

pub(crate) use elementwise::{
    add_assign, add_column_sums, each, each_row_with, each_with, each_with_both, scale,
};
pub(crate) use exp::{LANES, exp, exp_sum, exp2_or_zero, max, sigmoid, tanh};
pub(crate) use gemm::{product, product_nt, product_tn};
#[cfg(feature = "every-width")]
pub use instructions::Width;
pub(crate) use instructions::dispatch;
pub(crate) use panel::Panels;
pub(crate) use rows::{add_outer_to_tails, dots_with_heads, fill_rows};
pub(crate) use staircase::{GRADIENT_ROWS, SIDE, Staircase, outer};

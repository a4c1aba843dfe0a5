use ar_core::{Conditioning, Domain, Model};
use ar_models::Spec;
use ar_nn::Route;
use serde_json::json;

use crate::common::{build, parameters, prove, prove_conditional};

#[test]
fn pixelrnn_conditional() {
    for variant in ["row-lstm", "diagonal-bilstm"] {
        let config = json!({"variant": variant, "hidden": 8, "layers": 1, "first_kernel": 3});
        prove_conditional("pixelrnn", &config, [2, 3, 3, 3], [1, 2, 2, 3]);
    }
}

#[test]
fn pixelrnn_grey() {
    for variant in ["row-lstm", "diagonal-bilstm"] {
        let config = json!({"variant": variant, "hidden": 5, "layers": 2, "first_kernel": 3});
        prove("pixelrnn", &config, [1, 4, 5, 4], [1, 3, 2, 3]);
    }
}

#[test]
fn pixelrnn_rgb() {
    for variant in ["row-lstm", "diagonal-bilstm"] {
        let config = json!({"variant": variant, "hidden": 7, "layers": 2, "first_kernel": 3});
        prove("pixelrnn", &config, [3, 3, 4, 3], [3, 2, 1, 3]);
    }
}

fn of(variant: &str, first_kernel: usize) -> Box<dyn Model> {
    let domain = Domain::new(1, 9, 9, 2).unwrap();
    let config = json!({"variant": variant, "hidden": 2, "layers": 1, "first_kernel": first_kernel,
        "kernel": 3});
    let spec = Spec::new("pixelrnn", config, domain, Conditioning::None).unwrap();
    build(&spec, &parameters(&spec), Route::Fused).unwrap()
}

/// All but the last pixel of the row above, beyond the first convolution: the half from the right
/// begins with the features that predict that pixel, and they do not know it.
#[test]
fn a_diagonal_bilstm_sees_everything_before_but_one() {
    let seen = of("diagonal-bilstm", 3).dependence();
    for step in 0..81 {
        for d in 0..81 {
            let is_last_above = d + 1 == step / 9 * 9 && step % 9 + 1 < 8;
            let expected = d < step && !is_last_above;
            assert_eq!(seen.contains(step, d), expected, "step {step}, value {d}");
        }
    }
}

/// The 3x3 convolution looks a row up and a column aside, the LSTM a column more for every row, its
/// input one more to the left.
#[test]
fn a_row_lstm_sees_a_triangle_above() {
    let seen = of("row-lstm", 3).dependence();
    let (row, column) = (8isize, 4isize);
    for d in 0..81 {
        let (dy, dx) = (row - d / 9, d % 9 - column);
        let sees = dy >= 0
            && if dy == 0 {
                (-2..0).contains(&dx)
            } else {
                (-dy - 2..=dy).contains(&dx)
            };
        let step = (row * 9 + column) as usize;
        assert_eq!(seen.contains(step, d as usize), sees, "{dy} up, {dx} aside");
    }
}

#[test]
fn images_of_one_row_or_one_column() {
    for variant in ["row-lstm", "diagonal-bilstm"] {
        let config = json!({"variant": variant, "hidden": 6, "layers": 2, "first_kernel": 3});
        prove("pixelrnn", &config, [1, 1, 9, 3], [1, 1, 4, 2]);
        prove("pixelrnn", &config, [1, 7, 1, 3], [1, 4, 1, 2]);
    }
}

use serde_json::json;

use crate::common::{prove, prove_conditional};

#[test]
fn rnn_conditional() {
    for cell in ["lstm", "gru"] {
        let config = json!({"cell": cell, "hidden": 5, "embedding": 3});
        prove_conditional("rnn", &config, [2, 2, 3, 3], [1, 2, 2, 3]);
    }
}

#[test]
fn rnn_grey() {
    for cell in ["lstm", "gru"] {
        let config = json!({"cell": cell, "hidden": 6, "layers": 2, "embedding": 3});
        prove("rnn", &config, [1, 3, 5, 4], [1, 2, 3, 3]);
    }
}

#[test]
fn rnn_rgb() {
    for cell in ["lstm", "gru"] {
        let config = json!({"cell": cell, "hidden": 6, "embedding": 3});
        prove("rnn", &config, [3, 2, 3, 3], [3, 1, 2, 3]);
    }
}

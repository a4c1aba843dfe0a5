//! Defects of candle 0.11.1 that this workspace routes around. Each test expects the defect: when an
//! upgrade mends one, it fails and says which detour may go.

#![expect(clippy::unwrap_used, reason = "tests")]

use candle_core::{DType, Device, Module, Tensor, Var};

fn var(shape: &[usize]) -> Var {
    let n: usize = shape.iter().product();
    let values: Vec<f64> = (0..n).map(|i| ((i * 37 % 11) as f64 - 5.0) / 7.0).collect();
    Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
}

fn flat(t: &Tensor) -> Vec<f64> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn conv1d_has_a_wrong_weight_gradient_where_conv2d_is_right() {
    let (x, w) = (var(&[2, 3, 8]), var(&[4, 3, 2]));
    let one = x
        .conv1d(&w, 0, 1, 1, 1)
        .unwrap()
        .sqr()
        .unwrap()
        .sum_all()
        .unwrap()
        .backward()
        .unwrap();
    let two = x
        .unsqueeze(2)
        .unwrap()
        .conv2d(&w.unsqueeze(2).unwrap(), 0, 1, 1, 1)
        .unwrap();
    let two = two.sqr().unwrap().sum_all().unwrap().backward().unwrap();
    let (a, b) = (flat(one.get(&w).unwrap()), flat(two.get(&w).unwrap()));
    assert!(
        a.iter().zip(&b).any(|(a, b)| (a - b).abs() > 0.1),
        "conv1d is mended: {a:?} {b:?}"
    );
}

#[test]
fn fused_norm_and_softmax_drop_the_gradient_silently() {
    let x = var(&[2, 4]).to_dtype(DType::F32).unwrap();
    let x = Var::from_tensor(&x).unwrap();
    let gain = Tensor::ones(4, DType::F32, &Device::Cpu).unwrap();
    let norm = candle_nn::LayerNorm::new(gain.clone(), gain, 1e-5)
        .forward(&x)
        .unwrap();
    let softmax = candle_nn::ops::softmax_last_dim(&x).unwrap();
    for y in [norm, softmax] {
        let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        assert!(
            grads.get(&x).is_none(),
            "a fused operation has a gradient now"
        );
    }
}

#[test]
fn the_derivative_of_relu_at_zero_is_one() {
    let x = Var::zeros(1, DType::F32, &Device::Cpu).unwrap();
    let grads = x.relu().unwrap().backward().unwrap();
    assert_eq!(grads.get(&x).unwrap().to_vec1::<f32>().unwrap(), [1.0]);
}

#[test]
fn the_cpu_generator_cannot_be_seeded() {
    assert!(Device::Cpu.set_seed(0).is_err());
}

#[test]
fn what_comes_from_a_variable_is_always_recorded() {
    let x = Var::zeros(1, DType::F32, &Device::Cpu).unwrap();
    assert!((x.as_tensor() + 1.0).unwrap().track_op());
    assert!(!(x.detach() + 1.0).unwrap().track_op());
}

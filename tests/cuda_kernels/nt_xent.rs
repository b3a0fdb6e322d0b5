//! NT-Xent, with a matmul on the host in place of cuBLAS.

use crate::element::{assert_close, blank, random};
use crate::host::{Host, in_both_orders, launch};
use dfdx::prelude::*;
use simclr::loss::{NtXentConfig, Similarity, nt_xent};

/// Returns `factor * a b` of `[rows, inner]` and `[inner, columns]`, accumulated in f64.
fn matmul(a: &[f32], b: &[f32], inner: usize, factor: f64) -> Vec<f32> {
    let columns = b.len() / inner;
    let entry = |row: &[f32], column: usize| -> f64 {
        (0..inner).map(|k| f64::from(row[k]) * f64::from(b[k * columns + column])).sum()
    };
    a.chunks(inner).flat_map(|row| (0..columns).map(move |column| (factor * entry(row, column)) as f32)).collect()
}

fn transposed(a: &[f32], width: usize) -> Vec<f32> {
    (0..width).flat_map(|column| a.iter().skip(column).step_by(width).copied()).collect()
}

/// Returns the metrics (loss, accuracy, positive similarity) and the gradient.
fn ours(host: &Host, z: &Vec<f32>, width: usize, config: &NtXentConfig) -> (Vec<f32>, Vec<f32>) {
    let rows = z.len() / width;
    let (count, temperature) = (rows as i32, config.temperature);
    let (mut u, mut norms) = (blank(z.len()), blank::<f32>(rows));
    let cosine = config.similarity == Similarity::Cosine;
    if cosine {
        launch!(host, "l2_normalize", [rows.min(50), 1]; z, count, width as i32, &mut u, &mut norms);
    } else {
        u.clone_from(z);
    }
    let mut s = matmul(&u, &transposed(&u, width), width, 1.0);
    let [mut row_max, mut inverse_sum, mut positive, mut other, mut loss] = [0; 5].map(|_| blank::<f32>(rows));
    launch!(host, "nt_xent_rows", [rows.min(50), 1]; &s, count, temperature as f32, &mut row_max, &mut inverse_sum,
        &mut positive, &mut other, &mut loss);
    let mut metrics = blank(3);
    launch!(host, "nt_xent_metrics", [1, 1]; &positive, &other, &loss, count, temperature, &mut metrics);
    launch!(host, "nt_xent_similarity_gradient", [rows.min(50), 1]; &row_max, &inverse_sum, count, temperature as f32,
        &mut s);
    let mut gradient = matmul(&s, &u, rows, 1.0 / (rows as f64 * temperature));
    if cosine {
        launch!(host, "l2_normalize_gradient", [rows.min(50), 1]; &u, &norms, count, width as i32, &mut gradient);
    }
    (metrics, gradient)
}

fn compare(host: &Host, rows: usize, width: usize, config: &NtXentConfig) -> (Vec<f32>, Vec<f32>) {
    let mut z: Vec<f32> = random("z", rows * width).iter().map(|x| 0.5 * x).collect();
    if rows > 2 {
        z[..width].fill(0.0); // a norm below the minimum
    }
    let (metrics, gradient) = ours(host, &z, width, config);
    let z: Tensor<(usize, usize), f32, Cpu> = Cpu::default().tensor_from_vec(z, (rows, width));
    let expected = nt_xent(z.leaky_trace(), config).unwrap();
    let what = format!("{rows} rows of {width}, {config:?}");
    let loss = expected.loss.array();
    assert!((metrics[0] - loss).abs() <= 1e-5 * (1.0 + loss), "{what}: loss {} instead of {loss}", metrics[0]);
    assert_eq!(metrics[1], expected.accuracy, "{what}");
    let similarity = (metrics[2] - expected.positive_similarity).abs();
    assert!(similarity <= 1e-5 * (1.0 + expected.positive_similarity.abs()), "{what}: {similarity}");
    // The gradient of a zero vector is a million times the others', whose errors it would hide.
    let expected = expected.loss.backward().get(&z).as_vec();
    let zeros = if rows > 2 { width } else { 0 };
    assert_close(&format!("gradient of zeros, {what}"), &gradient[..zeros], &expected[..zeros]);
    assert_close(&format!("gradient, {what}"), &gradient[zeros..], &expected[zeros..]);
    (metrics, gradient)
}

#[test]
fn loss_and_gradient() {
    in_both_orders(|host| {
        let mut all = Vec::new();
        for similarity in [Similarity::Cosine, Similarity::Dot] {
            for (rows, width, temperature) in [(2, 3, 0.1), (6, 7, 0.5), (8, 64, 0.5), (130, 130, 0.1), (260, 5, 0.5)] {
                all.push(compare(host, rows, width, &NtXentConfig { temperature, similarity }));
            }
        }
        all
    });
}

#[test]
fn a_collapsed_network_has_accuracy_0() {
    in_both_orders(|host| {
        let config = NtXentConfig { temperature: 0.5, similarity: Similarity::Cosine };
        let z = vec![0.25; 12 * 4];
        let (metrics, gradient) = ours(host, &z, 4, &config);
        assert_eq!(metrics[1], 0.0);
        assert!((metrics[0] - 11f32.ln()).abs() < 1e-5);
        (metrics, gradient)
    });
}

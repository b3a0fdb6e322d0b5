//! Biases and sums of channels.

use crate::element::{Bf16, Element, assert_close, bits, blank, random, rounded};
use crate::host::{Host, in_both_orders, launch};
use crate::normalize::{GRIDS, SIZES};

fn biases<T: Element>(host: &Host) -> Vec<Vec<u32>> {
    let mut all = Vec::new();
    for &(pixels, channels) in SIZES {
        let (bias, map) = (random("bias", channels), rounded::<T>(&random("map", pixels * channels)));
        let added: Vec<f32> = map.iter().enumerate().map(|(i, x)| x.value() + bias[i % channels]).collect();
        let sum =
            |channel| map.iter().skip(channel).step_by(channels).map(|x| f64::from(x.value())).sum::<f64>() as f32;
        let expected: Vec<f32> = (0..channels).map(sum).collect();
        for &grid in GRIDS {
            let (mut ours, what) = (map.clone(), format!("{pixels} pixels, {channels} channels, {grid:?}"));
            launch!(host, format!("bias_{}", T::SUFFIX), grid; &bias, pixels as i64, channels as i32, &mut ours);
            assert_close(&format!("bias, {what}"), &ours, &added);
            let (mut parts, mut sums) = (blank::<f32>(grid[0] * channels), blank::<f32>(channels));
            launch!(host, format!("channel_sums_{}", T::SUFFIX), grid;
                &map, pixels as i64, channels as i32, &mut parts);
            launch!(host, "channel_sums_merge", [channels.div_ceil(8), 1];
                &parts, grid[0] as i32, channels as i32, &mut sums);
            assert_close(&format!("sums, {what}"), &sums, &expected);
            all.extend([bits(&ours), bits(&sums)]);
        }
    }
    all
}

#[test]
fn bias() {
    in_both_orders(biases::<f32>);
    in_both_orders(biases::<Bf16>);
}

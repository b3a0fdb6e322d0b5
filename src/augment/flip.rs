//! Flips. A flip directly after a crop or resize is part of the resampling; these functions are for other positions.

/// Flips `[3, side, side]` left and right.
pub fn horizontal(planes: &mut [f32], side: usize) {
    for row in planes.chunks_exact_mut(side) {
        row.reverse();
    }
}

/// Flips `[3, side, side]` top and bottom.
pub fn vertical(planes: &mut [f32], side: usize) {
    for plane in planes.chunks_exact_mut(side * side) {
        for y in 0..side / 2 {
            let (above, below) = plane.split_at_mut((side - 1 - y) * side);
            above[y * side..(y + 1) * side].swap_with_slice(&mut below[..side]);
        }
    }
}

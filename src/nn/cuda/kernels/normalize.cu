// Batch norm fused with ReLU and residual, over a map [pixels, channels].
//
// | kernel               | parameters in order                              | grid                         |
// | -------------------- | ------------------------------------------------ | ---------------------------- |
// | normalize_f32, _bf16 | const T* input, const T* residual (may be null), | (any, tiles); x best         |
// |                      | i64 pixels, i32 channels, const float* mean,     | ceil(pixels * channels /     |
// |                      | const float* inv_std, const float* scale,        | (tiles * V * 1024)), at most |
// |                      | const float* shift, i32 relu,                    | 16384 / tiles                |
// |                      | T* output (not aliased)                          |                              |
//
// V and tiles as in moments.cu.

/// Returns the maximum; NaN propagates, which fmaxf would drop.
__device__ inline float nan_max(float floor, float value) { return value < floor ? floor : value; }

/// Batch norm as `output = factor * input + offset` per channel.
template <int V> struct Affine {
    float factor[V], offset[V];

    __device__ Affine(const float* mean, const float* inv_std, const float* scale, const float* shift) {
        for (int i = 0; i < V; i++) {
            factor[i] = scale[i] * inv_std[i];
            offset[i] = shift[i] - mean[i] * factor[i];
        }
    }
    /// Returns the normalized value of channel `i`.
    __device__ float at(int i, float x) const { return x * factor[i] + offset[i]; }
};

template <bool RESIDUAL, int V, class T> __device__ void normalize_tile(
    const Affine<V>& affine, const GridStride<V>& loop, const T* __restrict__ input, const T* __restrict__ residual,
    float floor, T* __restrict__ output) {
    for (long long at = loop.begin; at < loop.end; at += loop.step) {
        float x[V], r[V];
        load<V>(input + at, x);
        if constexpr (RESIDUAL) load<V>(residual + at, r);
        for (int i = 0; i < V; i++) {
            float y = affine.at(i, x[i]);
            if constexpr (RESIDUAL) y += r[i];
            x[i] = nan_max(floor, y);
        }
        save<V>(output + at, x);
    }
}

template <int V, class T> __device__ void normalize_in(
    const T* input, const T* residual, long long pixels, int channels, const float* mean,
    const float* inv_std, const float* scale, const float* shift, int relu, T* output) {
    Tile<V> tile(channels);
    float floor = relu ? 0.0f : __uint_as_float(0xff800000u); // minus infinity
    for (int index = blockIdx.y; index < tile.tiles(); index += gridDim.y) {
        int channel = tile.channel(index);
        if (channel >= channels) continue;
        Affine<V> affine(mean + channel, inv_std + channel, scale + channel, shift + channel);
        GridStride<V> loop(tile, channel, pixels, channels);
        if (residual == nullptr) {
            normalize_tile<false>(affine, loop, input, residual, floor, output);
        } else {
            normalize_tile<true>(affine, loop, input, residual, floor, output);
        }
    }
}

KERNEL normalize_f32(
    const float* input, const float* residual, long long pixels, int channels, const float* mean,
    const float* inv_std, const float* scale, const float* shift, int relu, float* output) {
    BY_WIDTH(float, channels, normalize_in,
        input, residual, pixels, channels, mean, inv_std, scale, shift, relu, output);
}

KERNEL normalize_bf16(
    const bf16* input, const bf16* residual, long long pixels, int channels, const float* mean,
    const float* inv_std, const float* scale, const float* shift, int relu, bf16* output) {
    BY_WIDTH(bf16, channels, normalize_in,
        input, residual, pixels, channels, mean, inv_std, scale, shift, relu, output);
}

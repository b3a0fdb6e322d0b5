// Batch norm with ReLU and residual in one pass over a map [pixels, channels].
//
// | kernel                 | parameters in order                                        | grid                           |
// | ---------------------- | ---------------------------------------------------------- | ------------------------------ |
// | normalize_f32, _bf16   | const T* input, const T* residual (null for none),         | (any, tiles); x best           |
// |                        | i64 pixels, i32 channels, const float* mean,               | ceil(pixels * channels /       |
// |                        | const float* inverse_deviation, const float* scale,        | (tiles * V * 1024)), at most   |
// |                        | const float* shift, i32 relu,                              | 16384 / tiles                  |
// |                        | T* output (no part of the inputs)                          |                                |
//
// V and tiles as in moments.cu.

/// The larger one; a NaN stays one (fmaxf would hide it).
__device__ inline float at_least(float floor, float value) { return value < floor ? floor : value; }

/// Per channel: `output = factor * input + offset`.
template <int V> struct Line {
    float factor[V], offset[V];

    __device__ Line(const float* mean, const float* inverse_deviation, const float* scale, const float* shift) {
        for (int i = 0; i < V; i++) {
            factor[i] = scale[i] * inverse_deviation[i];
            offset[i] = shift[i] - mean[i] * factor[i];
        }
    }
};

template <bool RESIDUAL, int V, class T> __device__ void normalize_tile(
    const Line<V>& line, const Walk<V>& walk, const T* __restrict__ input, const T* __restrict__ residual, float floor,
    T* __restrict__ output) {
    for (long long at = walk.begin; at < walk.end; at += walk.step) {
        float x[V], r[V];
        load<V>(input + at, x);
        if constexpr (RESIDUAL) load<V>(residual + at, r);
        for (int i = 0; i < V; i++) {
            float y = x[i] * line.factor[i] + line.offset[i];
            if constexpr (RESIDUAL) y += r[i];
            x[i] = at_least(floor, y);
        }
        save<V>(output + at, x);
    }
}

template <int V, class T> __device__ void normalize_in(
    const T* input, const T* residual, long long pixels, int channels, const float* mean,
    const float* inverse_deviation, const float* scale, const float* shift, int relu, T* output) {
    Tile<V> tile(channels);
    float floor = relu ? 0.0f : __uint_as_float(0xff800000u); // minus infinity
    for (int index = blockIdx.y; index < tile.tiles(); index += gridDim.y) {
        int channel = tile.channel(index);
        if (channel >= channels) continue;
        Line<V> line(mean + channel, inverse_deviation + channel, scale + channel, shift + channel);
        Walk<V> walk(tile, channel, pixels, channels);
        if (residual == nullptr) {
            normalize_tile<false>(line, walk, input, residual, floor, output);
        } else {
            normalize_tile<true>(line, walk, input, residual, floor, output);
        }
    }
}

KERNEL normalize_f32(
    const float* input, const float* residual, long long pixels, int channels, const float* mean,
    const float* inverse_deviation, const float* scale, const float* shift, int relu, float* output) {
    BY_WIDTH(float, channels, normalize_in,
        input, residual, pixels, channels, mean, inverse_deviation, scale, shift, relu, output);
}

KERNEL normalize_bf16(
    const bf16* input, const bf16* residual, long long pixels, int channels, const float* mean,
    const float* inverse_deviation, const float* scale, const float* shift, int relu, bf16* output) {
    BY_WIDTH(bf16, channels, normalize_in,
        input, residual, pixels, channels, mean, inverse_deviation, scale, shift, relu, output);
}

// The backward pass of batch norm with ReLU and residual, over maps [pixels, channels]: partial sums, their merge, and
// the gradient of the input.
//
// | kernel                   | parameters in order                                   | grid                        |
// | ------------------------ | ----------------------------------------------------- | --------------------------- |
// | gradient_sums_f32, _bf16 | const T* input, const T* relu_output (may be null),   | (parts, tiles): x exactly,  |
// |                          | T* gradient (zeroed in place where relu_output <= 0), | the same parts in the merge |
// |                          | i64 pixels, i32 channels, const float* mean,          |                             |
// |                          | const float* inv_std, const float* scale,             |                             |
// |                          | const float* shift, i32 relu,                         |                             |
// |                          | float* part_products [parts, channels],               |                             |
// |                          | float* part_sums [parts, channels]                    |                             |
// | gradient_sums_merge      | const float* part_products, const float* part_sums,   | ceil(channels / 8) exactly  |
// |                          | i32 parts, i32 channels, const float* inv_std,        |                             |
// |                          | float* scale_gradient, float* shift_gradient          |                             |
// | input_gradient_f32,      | const T* gradient, i64 pixels, i32 channels,          | as normalize                |
// |   _bf16                  | const float* mean, const float* inv_std,              |                             |
// |                          | const float* scale, const float* shift, i32 relu,     |                             |
// |                          | const float* scale_gradient,                          |                             |
// |                          | const float* shift_gradient,                          |                             |
// |                          | T* input (becomes its gradient)                       |                             |
//
// V, tiles and the choice of parts as in moments.cu.
//
// relu: 1 if a ReLU follows whose mask is that of the normalized input. Both kernels compute it again, so that neither
// its output is read nor the masked gradient written: 5 instead of 7 accesses per element. After a residual sum the
// mask is that of relu_output, and relu is 0.

/// The mask of the ReLU that follows.
enum class Mask { NONE, OF_INPUT, OF_OUTPUT };

/// Returns the gradient before a ReLU, by the value before or after it; NaN lets it pass.
__device__ inline float relu_gradient(float y, float gradient) { return y <= 0.0f ? 0.0f : gradient; }

template <Mask MASK, int V, class T> __device__ void gradient_sums_tile(
    const T* __restrict__ input, const T* __restrict__ relu_output, T* __restrict__ gradient, long long begin,
    long long end, long long step, const float (&mean)[V], const Affine<V>& affine, float (&products)[V],
    float (&sums)[V]) {
    for (long long at = begin; at < end; at += step) {
        float x[V], g[V], y[V];
        load<V>(input + at, x);
        load<V>(gradient + at, g);
        if constexpr (MASK == Mask::OF_OUTPUT) {
            load<V>(relu_output + at, y);
            for (int i = 0; i < V; i++) g[i] = relu_gradient(y[i], g[i]);
            save<V>(gradient + at, g);
        }
        for (int i = 0; i < V; i++) {
            if constexpr (MASK == Mask::OF_INPUT) g[i] = relu_gradient(affine.at(i, x[i]), g[i]);
            products[i] += g[i] * (x[i] - mean[i]);
            sums[i] += g[i];
        }
    }
}

template <int V, class T> __device__ void gradient_sums_in(
    const T* input, const T* relu_output, T* gradient, long long pixels, int channels, const float* mean,
    const float* inv_std, const float* scale, const float* shift, int relu, float* part_products, float* part_sums) {
    Tile<V> tile(channels);
    PixelRange range(pixels, blockIdx.x, gridDim.x);
    long long own = static_cast<long long>(blockIdx.x) * channels;
    long long step = static_cast<long long>(tile.rows) * channels, end = range.end * channels;
    for (int index = blockIdx.y; index < tile.tiles(); index += gridDim.y) {
        int channel = tile.channel(index);
        float products[V] = {}, sums[V] = {};
        if (channel < channels) {
            Affine<V> affine(mean + channel, inv_std + channel, scale + channel, shift + channel);
            float center[V];
            for (int i = 0; i < V; i++) center[i] = mean[channel + i];
            long long begin = (range.begin + tile.row) * channels + channel;
            if (relu) {
                gradient_sums_tile<Mask::OF_INPUT>(
                    input, relu_output, gradient, begin, end, step, center, affine, products, sums);
            } else if (relu_output == nullptr) {
                gradient_sums_tile<Mask::NONE>(
                    input, relu_output, gradient, begin, end, step, center, affine, products, sums);
            } else {
                gradient_sums_tile<Mask::OF_OUTPUT>(
                    input, relu_output, gradient, begin, end, step, center, affine, products, sums);
            }
        }
        write_tile_sums(tile, index, channels, products, part_products + own);
        write_tile_sums(tile, index, channels, sums, part_sums + own);
    }
}

KERNEL gradient_sums_f32(
    const float* input, const float* relu_output, float* gradient, long long pixels, int channels, const float* mean,
    const float* inv_std, const float* scale, const float* shift, int relu, float* part_products, float* part_sums) {
    BY_WIDTH(float, channels, gradient_sums_in,
        input, relu_output, gradient, pixels, channels, mean, inv_std, scale, shift, relu, part_products, part_sums);
}

KERNEL gradient_sums_bf16(
    const bf16* input, const bf16* relu_output, bf16* gradient, long long pixels, int channels, const float* mean,
    const float* inv_std, const float* scale, const float* shift, int relu, float* part_products, float* part_sums) {
    BY_WIDTH(bf16, channels, gradient_sums_in,
        input, relu_output, gradient, pixels, channels, mean, inv_std, scale, shift, relu, part_products, part_sums);
}

KERNEL gradient_sums_merge(
    const float* part_products, const float* part_sums, int parts, int channels, const float* inv_std,
    float* scale_gradient, float* shift_gradient) {
    int channel = blockIdx.x * MERGED + threadIdx.x % MERGED;
    double products = merged_sum(part_products, parts, channels, channel);
    double sums = merged_sum(part_sums, parts, channels, channel);
    if (channel < channels && threadIdx.x < MERGED) {
        scale_gradient[channel] = static_cast<float>(products * inv_std[channel]);
        shift_gradient[channel] = static_cast<float>(sums);
    }
}

/// `scale * inv_std * (gradient - mean(gradient) - normalized * mean(gradient * normalized))`, rewritten with one
/// factor for the gradient and one for the input.
template <bool RELU, int V, class T> __device__ void input_gradient_tile(
    const T* __restrict__ gradient, const GridStride<V>& loop, const Affine<V>& affine, const float (&slope)[V],
    const float (&constant)[V], T* __restrict__ input) {
    for (long long at = loop.begin; at < loop.end; at += loop.step) {
        float x[V], g[V];
        load<V>(input + at, x);
        load<V>(gradient + at, g);
        for (int i = 0; i < V; i++) {
            if constexpr (RELU) g[i] = relu_gradient(affine.at(i, x[i]), g[i]);
            x[i] = g[i] * affine.factor[i] + x[i] * slope[i] + constant[i];
        }
        save<V>(input + at, x);
    }
}

template <int V, class T> __device__ void input_gradient_in(
    const T* gradient, long long pixels, int channels, const float* mean, const float* inv_std, const float* scale,
    const float* shift, int relu, const float* scale_gradient, const float* shift_gradient, T* input) {
    Tile<V> tile(channels);
    float count = static_cast<float>(pixels);
    for (int index = blockIdx.y; index < tile.tiles(); index += gridDim.y) {
        int channel = tile.channel(index);
        if (channel >= channels) continue;
        Affine<V> affine(mean + channel, inv_std + channel, scale + channel, shift + channel);
        float slope[V], constant[V];
        for (int i = 0; i < V; i++) {
            int c = channel + i;
            slope[i] = -affine.factor[i] * inv_std[c] * scale_gradient[c] / count;
            constant[i] = -affine.factor[i] * shift_gradient[c] / count - slope[i] * mean[c];
        }
        GridStride<V> loop(tile, channel, pixels, channels);
        if (relu) input_gradient_tile<true>(gradient, loop, affine, slope, constant, input);
        else input_gradient_tile<false>(gradient, loop, affine, slope, constant, input);
    }
}

KERNEL input_gradient_f32(
    const float* gradient, long long pixels, int channels, const float* mean, const float* inv_std,
    const float* scale, const float* shift, int relu, const float* scale_gradient, const float* shift_gradient,
    float* input) {
    BY_WIDTH(float, channels, input_gradient_in,
        gradient, pixels, channels, mean, inv_std, scale, shift, relu, scale_gradient, shift_gradient, input);
}

KERNEL input_gradient_bf16(
    const bf16* gradient, long long pixels, int channels, const float* mean, const float* inv_std,
    const float* scale, const float* shift, int relu, const float* scale_gradient, const float* shift_gradient,
    bf16* input) {
    BY_WIDTH(bf16, channels, input_gradient_in,
        gradient, pixels, channels, mean, inv_std, scale, shift, relu, scale_gradient, shift_gradient, input);
}

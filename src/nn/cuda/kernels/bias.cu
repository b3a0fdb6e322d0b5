// Adding a bias to a map [pixels, channels], and the gradient of the bias.
//
// | kernel                  | parameters in order                              | grid                        |
// | ----------------------- | ------------------------------------------------ | --------------------------- |
// | bias_f32, _bf16         | const float* bias, i64 pixels, i32 channels,     | as normalize                |
// |                         | T* map (in place)                                |                             |
// | channel_sums_f32, _bf16 | const T* map, i64 pixels, i32 channels,          | (parts, tiles): x exactly,  |
// |                         | float* part_sums [parts, channels]               | the same parts in the merge |
// | channel_sums_merge      | const float* part_sums, i32 parts, i32 channels, | ceil(channels / 8) exactly  |
// |                         | float* sums                                      |                             |
//
// V, tiles and the choice of parts as in moments.cu.

template <int V, class T> __device__ void bias_in(const float* bias, long long pixels, int channels, T* map) {
    Tile<V> tile(channels);
    for (int index = blockIdx.y; index < tile.tiles(); index += gridDim.y) {
        int channel = tile.channel(index);
        if (channel >= channels) continue;
        float own[V];
        for (int i = 0; i < V; i++) own[i] = bias[channel + i];
        GridStride<V> loop(tile, channel, pixels, channels);
        for (long long at = loop.begin; at < loop.end; at += loop.step) {
            float x[V];
            load<V>(map + at, x);
            for (int i = 0; i < V; i++) x[i] += own[i];
            save<V>(map + at, x);
        }
    }
}

KERNEL bias_f32(
    const float* bias, long long pixels, int channels, float* map) {
    BY_WIDTH(float, channels, bias_in, bias, pixels, channels, map);
}

KERNEL bias_bf16(
    const float* bias, long long pixels, int channels, bf16* map) {
    BY_WIDTH(bf16, channels, bias_in, bias, pixels, channels, map);
}

template <int V, class T> __device__ void channel_sums_in(
    const T* map, long long pixels, int channels, float* part_sums) {
    Tile<V> tile(channels);
    PixelRange range(pixels, blockIdx.x, gridDim.x);
    long long step = static_cast<long long>(tile.rows) * channels;
    for (int index = blockIdx.y; index < tile.tiles(); index += gridDim.y) {
        int channel = tile.channel(index);
        float sums[V] = {};
        long long end = channel < channels ? range.end * channels : 0;
        for (long long at = (range.begin + tile.row) * channels + channel; at < end; at += step) {
            float x[V];
            load<V>(map + at, x);
            for (int i = 0; i < V; i++) sums[i] += x[i];
        }
        write_tile_sums(tile, index, channels, sums, part_sums + static_cast<long long>(blockIdx.x) * channels);
    }
}

KERNEL channel_sums_f32(
    const float* map, long long pixels, int channels, float* part_sums) {
    BY_WIDTH(float, channels, channel_sums_in, map, pixels, channels, part_sums);
}

KERNEL channel_sums_bf16(
    const bf16* map, long long pixels, int channels, float* part_sums) {
    BY_WIDTH(bf16, channels, channel_sums_in, map, pixels, channels, part_sums);
}

KERNEL channel_sums_merge(
    const float* part_sums, int parts, int channels, float* sums) {
    int channel = blockIdx.x * MERGED + threadIdx.x % MERGED;
    double sum = merged_sum(part_sums, parts, channels, channel);
    if (channel < channels && threadIdx.x < MERGED) sums[channel] = static_cast<float>(sum);
}

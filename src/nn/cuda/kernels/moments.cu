// Mean and inverse standard deviation of each channel of a map [pixels, channels], for batch norm.
//
// | kernel             | parameters in order                                       | grid                           |
// | ------------------ | --------------------------------------------------------- | ------------------------------ |
// | moments_f32, _bf16 | const T* input, i64 pixels, i32 channels,                 | (parts, tiles): x exactly, the |
// |                    | float* part_means [parts, channels],                      | same parts in the merge;       |
// |                    | float* part_squares [parts, channels]                     | tiles = ceil(channels / 32V)   |
// | moments_merge      | const float* part_means, const float* part_squares,       | ceil(channels / 8) exactly     |
// |                    | i32 parts, i64 pixels, i32 channels, float epsilon,       |                                |
// |                    | float* mean, float* inv_std,                              |                                |
// |                    | float* running_mean, float* running_variance (both may be |                                |
// |                    | null), float momentum                                     |                                |
// | inv_std            | float epsilon, const float* variance, i32 channels,       | ceil(channels / 256)           |
// |                    | float* output                                             |                                |
//
// V, the elements that a thread loads at once, is 4 (float) or 8 (bf16) if that divides the channels, else 1. Any number
// of parts is correct. Best are about 1024 / tiles, such that the blocks are whole waves of those that the device runs
// at the same time, with at least 16 pixels per thread.
//
// moments: one pass, four pixels at a time, whose mean and squared deviations are merged into the thread's (Chan, Golub
// & LeVeque 1979): no cancellation if the mean is far from 0, and four loads in flight.

template <int V> struct Moments {
    float pixels = 0.0f, mean[V] = {}, squares[V] = {};

    /// Adds `N` pixels.
    template <int N> __device__ void add(const float (&x)[N][V]) {
        float total = pixels + N, fraction = N / total, weight = pixels * fraction;
        for (int i = 0; i < V; i++) {
            float sum = 0.0f, own = 0.0f;
            for (int n = 0; n < N; n++) sum += x[n][i];
            float own_mean = sum * (1.0f / N), difference = own_mean - mean[i];
            for (int n = 0; n < N; n++) own += (x[n][i] - own_mean) * (x[n][i] - own_mean);
            mean[i] += difference * fraction;
            squares[i] += own + difference * difference * weight;
        }
        pixels = total;
    }
};

/// Computes the moments of a thread's pixels, `step` elements apart.
template <int V, class T> __device__ Moments<V> thread_moments(const T* at, const T* end, long long step) {
    Moments<V> moments;
    for (; at + 3 * step < end; at += 4 * step) {
        float x[4][V];
        for (int n = 0; n < 4; n++) load<V>(at + n * step, x[n]);
        moments.add(x);
    }
    for (; at < end; at += step) {
        float x[1][V];
        load<V>(at, x[0]);
        moments.add(x);
    }
    return moments;
}

/// Merges the moments of the rows of a block, all channels of a tile in parallel.
template <int V> __device__ void merge_rows(
    const Tile<V>& tile, int index, int channels, const Moments<V>& own, float* part_mean, float* part_squares) {
    __shared__ float counts[THREADS], means[THREADS * V], squares[THREADS * V];
    __syncthreads(); // the previous tile has been read
    if (tile.lane == 0) counts[tile.row] = own.pixels;
    for (int i = 0; i < V; i++) {
        means[threadIdx.x * V + i] = own.mean[i];
        squares[threadIdx.x * V + i] = own.squares[i];
    }
    __syncthreads();
    int thread = threadIdx.x, width = tile.lanes * V, channel = tile.base(index) + thread;
    if (thread >= width || channel >= channels) return;
    float pixels = 0.0f, mean = 0.0f, square = 0.0f;
    for (int row = 0; row < tile.rows && counts[row] > 0.0f; row++) {
        float total = pixels + counts[row], fraction = counts[row] / total;
        float difference = means[row * width + thread] - mean;
        mean += difference * fraction;
        square += squares[row * width + thread] + difference * difference * pixels * fraction;
        pixels = total;
    }
    part_mean[channel] = mean;
    part_squares[channel] = square;
}

template <int V, class T> __device__ void moments_in(
    const T* input, long long pixels, int channels, float* part_means, float* part_squares) {
    Tile<V> tile(channels);
    PixelRange range(pixels, blockIdx.x, gridDim.x);
    long long own = static_cast<long long>(blockIdx.x) * channels;
    for (int index = blockIdx.y; index < tile.tiles(); index += gridDim.y) {
        int channel = tile.channel(index);
        const T *at = input + (range.begin + tile.row) * channels + channel, *end = input + range.end * channels;
        Moments<V> moments;
        if (channel < channels) {
            moments = thread_moments<V>(at, end, static_cast<long long>(tile.rows) * channels);
        }
        merge_rows(tile, index, channels, moments, part_means + own, part_squares + own);
    }
}

KERNEL moments_f32(
    const float* input, long long pixels, int channels, float* part_means, float* part_squares) {
    BY_WIDTH(float, channels, moments_in, input, pixels, channels, part_means, part_squares);
}

KERNEL moments_bf16(
    const bf16* input, long long pixels, int channels, float* part_means, float* part_squares) {
    BY_WIDTH(bf16, channels, moments_in, input, pixels, channels, part_means, part_squares);
}

KERNEL moments_merge(
    const float* part_means, const float* part_squares, int parts, long long pixels, int channels, float epsilon,
    float* mean, float* inv_std, float* running_mean, float* running_variance, float momentum) {
    int channel = blockIdx.x * MERGED + threadIdx.x % MERGED, first = threadIdx.x / MERGED;
    bool inside = channel < channels;
    double sum = 0.0;
    for (int part = first; inside && part < parts; part += SLICES) {
        double count = static_cast<double>(PixelRange(pixels, part, parts).length());
        sum += count * part_means[static_cast<long long>(part) * channels + channel];
    }
    double whole = slice_sum(sum) / static_cast<double>(pixels), squares = 0.0;
    for (int part = first; inside && part < parts; part += SLICES) {
        double count = static_cast<double>(PixelRange(pixels, part, parts).length());
        long long at = static_cast<long long>(part) * channels + channel;
        double difference = part_means[at] - whole;
        squares += part_squares[at] + count * difference * difference;
    }
    squares = slice_sum(squares);
    if (!inside || first != 0) return;
    mean[channel] = static_cast<float>(whole);
    double std = sqrt(squares / static_cast<double>(pixels) + epsilon);
    inv_std[channel] = static_cast<float>(1.0 / std);
    if (running_mean == nullptr) return;
    double add = momentum, keep = 1.0 - add, degrees = pixels > 1 ? static_cast<double>(pixels - 1) : 1.0;
    running_mean[channel] = static_cast<float>(keep * running_mean[channel] + add * whole);
    running_variance[channel] = static_cast<float>(keep * running_variance[channel] + add * (squares / degrees));
}

KERNEL inv_std(
    float epsilon, const float* variance, int channels, float* output) {
    for (long long channel = first_index(); channel < channels; channel += index_step()) {
        output[channel] = 1.0f / sqrtf(variance[channel] + epsilon);
    }
}

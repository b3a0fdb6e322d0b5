// Conversions between float and bf16, of weights to and from cuDNN's layout, and of images to the input map.
//
// | kernel                | parameters in order                                      | grid                      |
// | --------------------- | -------------------------------------------------------- | ------------------------- |
// | to_bf16               | const float* from, i64 length, bf16* to                  | ceil(length / 2048), at   |
// | to_f32                | const bf16* from, i64 length, float* to                  | most 16384                |
// | weights_f32, _bf16    | const float* weights [taps, inputs, outputs], i32 taps,  | (ceil(outputs / 32),      |
// |                       | i32 inputs, i32 padded, i32 outputs,                     | ceil(taps * padded / 32)) |
// |                       | T* to [outputs, taps, padded], 0 past the inputs         | exactly                   |
// | weights_gradient_f32, | const T* gradient [outputs, taps, padded], i32 taps,     | as weights                |
// |   _bf16               | i32 inputs, i32 padded, i32 outputs,                     |                           |
// |                       | float* to [taps, inputs, outputs]                        |                           |
// | images_f32, _bf16     | const u8* from [pixels, 3], i64 pixels, Colors mean,     | ceil(pixels / 256), at    |
// |                       | Colors factor (three floats each, by value), i32 padded, | most 16384                |
// |                       | T* to [pixels, padded] = (from / 255 - mean) * factor,   |                           |
// |                       | 0 past the third                                         |                           |
// | pad_f32, _bf16        | const T* from [pixels, channels], i64 pixels,            | ceil(pixels / 256), at    |
// |                       | i32 channels <= 8, i32 padded <= 8,                      | most 16384                |
// |                       | T* to [pixels, padded]                                   |                           |
//
// taps: kernel * kernel. padded: the inputs, padded to 4 or 8 channels for tensor cores. y of a grid is at most 65535.

struct Colors {
    float of[3];
};

KERNEL to_bf16(
    const float* __restrict__ from, long long length, bf16* __restrict__ to) {
    constexpr int V = 8;
    for (long long i = first_index(); i < length / V; i += index_step()) {
        float x[V];
        load<V>(from + i * V, x);
        save<V>(to + i * V, x);
    }
    for (long long i = length / V * V + first_index(); i < length; i += index_step()) set(to[i], from[i]);
}

KERNEL to_f32(
    const bf16* __restrict__ from, long long length, float* __restrict__ to) {
    constexpr int V = 8;
    for (long long i = first_index(); i < length / V; i += index_step()) {
        float x[V];
        load<V>(from + i * V, x);
        save<V>(to + i * V, x);
    }
    for (long long i = length / V * V + first_index(); i < length; i += index_step()) to[i] = to_float(from[i]);
}

/// Side of the tiles of a transposition in shared memory; one more column avoids bank conflicts in both directions.
constexpr int SQUARE = 32;

/// Returns the row of [taps, inputs, outputs] for row `row` of [taps, padded]; -1 for padding.
__device__ inline long long unpadded(int row, int inputs, int padded) {
    int tap = row / padded, input = row % padded;
    return input < inputs ? static_cast<long long>(tap) * inputs + input : -1;
}

template <class T> __device__ void weights(
    const float* from, int taps, int inputs, int padded, int outputs, T* to) {
    __shared__ float square[SQUARE][SQUARE + 1];
    int rows = taps * padded, left = blockIdx.x * SQUARE, top = blockIdx.y * SQUARE;
    int x = threadIdx.x % SQUARE, first = threadIdx.x / SQUARE;
    for (int y = first; y < SQUARE; y += THREADS / SQUARE) {
        long long row = top + y < rows ? unpadded(top + y, inputs, padded) : -1;
        square[y][x] = row >= 0 && left + x < outputs ? from[row * outputs + left + x] : 0.0f;
    }
    __syncthreads();
    for (int y = first; y < SQUARE; y += THREADS / SQUARE) {
        if (left + y < outputs && top + x < rows) {
            set(to[static_cast<long long>(left + y) * rows + top + x], square[x][y]);
        }
    }
}

template <class T> __device__ void weights_gradient(
    const T* from, int taps, int inputs, int padded, int outputs, float* to) {
    __shared__ float square[SQUARE][SQUARE + 1];
    int rows = taps * padded, left = blockIdx.x * SQUARE, top = blockIdx.y * SQUARE;
    int x = threadIdx.x % SQUARE, first = threadIdx.x / SQUARE;
    for (int y = first; y < SQUARE; y += THREADS / SQUARE) {
        bool inside = left + y < outputs && top + x < rows;
        square[y][x] = inside ? to_float(from[static_cast<long long>(left + y) * rows + top + x]) : 0.0f;
    }
    __syncthreads();
    for (int y = first; y < SQUARE; y += THREADS / SQUARE) {
        long long row = top + y < rows ? unpadded(top + y, inputs, padded) : -1;
        if (row >= 0 && left + x < outputs) to[row * outputs + left + x] = square[x][y];
    }
}

KERNEL weights_f32(
    const float* from, int taps, int inputs, int padded, int outputs, float* to) {
    weights(from, taps, inputs, padded, outputs, to);
}

KERNEL weights_bf16(
    const float* from, int taps, int inputs, int padded, int outputs, bf16* to) {
    weights(from, taps, inputs, padded, outputs, to);
}

KERNEL weights_gradient_f32(
    const float* from, int taps, int inputs, int padded, int outputs, float* to) {
    weights_gradient(from, taps, inputs, padded, outputs, to);
}

KERNEL weights_gradient_bf16(
    const bf16* from, int taps, int inputs, int padded, int outputs, float* to) {
    weights_gradient(from, taps, inputs, padded, outputs, to);
}

/// Writes one pixel of at most 8 channels.
template <class T> __device__ void save_pixel(T* to, int padded, const float (&x)[8]) {
    if (padded == 8) {
        save<8>(to, x);
    } else if (padded == 4) {
        save<4>(to, {x[0], x[1], x[2], x[3]});
    } else {
        for (int i = 0; i < padded; i++) set(to[i], x[i]);
    }
}

template <class T> __device__ void images(
    const unsigned char* from, long long pixels, Colors mean, Colors factor, int padded, T* to) {
    for (long long pixel = first_index(); pixel < pixels; pixel += index_step()) {
        float x[8] = {};
        for (int i = 0; i < 3; i++) x[i] = (from[pixel * 3 + i] / 255.0f - mean.of[i]) * factor.of[i];
        save_pixel(to + pixel * padded, padded, x);
    }
}

KERNEL images_f32(
    const unsigned char* from, long long pixels, Colors mean, Colors factor, int padded, float* to) {
    images(from, pixels, mean, factor, padded, to);
}

KERNEL images_bf16(
    const unsigned char* from, long long pixels, Colors mean, Colors factor, int padded, bf16* to) {
    images(from, pixels, mean, factor, padded, to);
}

template <class T> __device__ void pad(const T* from, long long pixels, int channels, int padded, T* to) {
    for (long long pixel = first_index(); pixel < pixels; pixel += index_step()) {
        float x[8] = {};
        // A constant bound keeps the values in registers.
        for (int i = 0; i < 8; i++) if (i < channels) x[i] = to_float(from[pixel * channels + i]);
        save_pixel(to + pixel * padded, padded, x);
    }
}

KERNEL pad_f32(
    const float* from, long long pixels, int channels, int padded, float* to) {
    pad(from, pixels, channels, padded, to);
}

KERNEL pad_bf16(
    const bf16* from, long long pixels, int channels, int padded, bf16* to) {
    pad(from, pixels, channels, padded, to);
}

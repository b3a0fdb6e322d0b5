// Max pooling of square maps [images, side, side, channels] to [images, output_side, output_side, channels].
//
// | kernel                 | parameters in order                                        | grid                   |
// | ---------------------- | ---------------------------------------------------------- | ---------------------- |
// | max_pool_f32, _bf16    | const T* input, i64 images, MaxPoolShape shape (by value,  | (images,               |
// |                        | six i32), T* output                                        | ceil(output_side^2 *   |
// |                        |                                                            | channels / (V * 256))) |
// | max_pool_gradient_f32, | const T* input, const T* output, const T* output_gradient, | (images, ceil(side^2 * |
// |   _bf16                | i64 images, MaxPoolShape shape, T* input_gradient          | channels / (V * 256))) |
//
// MaxPoolShape: i32 channels, kernel, stride, padding, side, output_side. One image has fewer than 2^31 elements; x is
// at most 2^31 - 1 and y at most 65535 blocks (fewer are correct too). V as in moments.cu.

struct MaxPoolShape {
    int channels, kernel, stride, padding, side, output_side;
};

/// The pixels of a window in one dimension.
struct Span {
    int begin, end;

    __device__ Span(const MaxPoolShape& shape, int at) {
        int start = at * shape.stride - shape.padding;
        begin = start > 0 ? start : 0;
        end = start + shape.kernel < shape.side ? start + shape.kernel : shape.side;
    }
};

template <int V, class T> __device__ void max_pool_in(
    const T* __restrict__ input, long long images, MaxPoolShape shape, T* __restrict__ output) {
    int groups = shape.channels / V, side = shape.output_side, count = side * side * groups;
    long long input_len = static_cast<long long>(shape.side) * shape.side * shape.channels;
    for (long long image = blockIdx.x; image < images; image += gridDim.x) {
        const T* from = input + image * input_len;
        T* to = output + image * count * V;
        for (int i = blockIdx.y * THREADS + threadIdx.x; i < count; i += gridDim.y * THREADS) {
            int pixel = i / groups, channel = (i - pixel * groups) * V;
            Span rows(shape, pixel / side), columns(shape, pixel % side);
            float max[V], x[V];
            for (int v = 0; v < V; v++) max[v] = __uint_as_float(0xff800000u); // minus infinity
            for (int y = rows.begin; y < rows.end; y++) {
                for (int column = columns.begin; column < columns.end; column++) {
                    load<V>(from + (y * shape.side + column) * shape.channels + channel, x);
                    // NaN propagates, so that a diverged network is detected.
                    for (int v = 0; v < V; v++) max[v] = x[v] <= max[v] || max[v] != max[v] ? max[v] : x[v];
                }
            }
            save<V>(to + static_cast<long long>(i) * V, max);
        }
    }
}

KERNEL max_pool_f32(
    const float* input, long long images, MaxPoolShape shape, float* output) {
    BY_WIDTH(float, shape.channels, max_pool_in, input, images, shape, output);
}

KERNEL max_pool_bf16(
    const bf16* input, long long images, MaxPoolShape shape, bf16* output) {
    BY_WIDTH(bf16, shape.channels, max_pool_in, input, images, shape, output);
}

/// Clears the bits of `mine` for the channels in which an earlier pixel of the window, in row-major order, holds the
/// maximum.
template <int V, class T> __device__ unsigned without_earlier(
    const T* map, const MaxPoolShape& shape, Span rows, Span columns, int y, int x, const float (&max)[V],
    unsigned mine) {
    for (int row = rows.begin; row <= y; row++) {
        int end = row < y ? columns.end : x;
        for (int column = columns.begin; column < end && mine != 0; column++) {
            float other[V];
            load<V>(map + (row * shape.side + column) * shape.channels, other);
            for (int v = 0; v < V; v++) {
                if (other[v] == max[v]) mine &= ~(1u << v);
            }
        }
    }
    return mine;
}

/// Adds the gradient of input pixel (y, x) by the window of output pixel (`row`, `column`); the maps start at the
/// thread's channels of an image.
template <int V, class T> __device__ void gather_window(
    const MaxPoolShape& shape, const T* input, const T* output, const T* output_gradient, int row, int column, int y,
    int x, const float (&own)[V], float (&sum)[V]) {
    float max[V], gradient[V];
    int at = (row * shape.output_side + column) * shape.channels;
    load<V>(output + at, max);
    unsigned mine = 0;
    for (int v = 0; v < V; v++) mine |= own[v] == max[v] ? 1u << v : 0u;
    if (mine == 0) return;
    mine = without_earlier(input, shape, Span(shape, row), Span(shape, column), y, x, max, mine);
    load<V>(output_gradient + at, gradient);
    for (int v = 0; v < V; v++) sum[v] += mine >> v & 1u ? gradient[v] : 0.0f;
}

/// The first and the last window that contain pixel `at`, in one dimension.
__device__ inline int first_window(const MaxPoolShape& shape, int at) {
    int start = at + shape.padding - shape.kernel + 1;
    return start > 0 ? (start + shape.stride - 1) / shape.stride : 0;
}
__device__ inline int last_window(const MaxPoolShape& shape, int at) {
    int last = (at + shape.padding) / shape.stride;
    return last < shape.output_side ? last : shape.output_side - 1;
}

template <int V, class T> __device__ void max_pool_gradient_in(
    const T* __restrict__ input, const T* __restrict__ output, const T* __restrict__ output_gradient,
    long long images, MaxPoolShape shape, T* __restrict__ input_gradient) {
    int groups = shape.channels / V, side = shape.side, count = side * side * groups;
    long long output_len = static_cast<long long>(shape.output_side) * shape.output_side * shape.channels;
    for (long long image = blockIdx.x; image < images; image += gridDim.x) {
        for (int i = blockIdx.y * THREADS + threadIdx.x; i < count; i += gridDim.y * THREADS) {
            int pixel = i / groups, channel = (i - pixel * groups) * V, y = pixel / side, x = pixel % side;
            const T* own_input = input + image * count * V + channel;
            const T* own_output = output + image * output_len + channel;
            const T* own_gradient = output_gradient + image * output_len + channel;
            float own[V], sum[V] = {};
            load<V>(own_input + pixel * shape.channels, own);
            for (int row = first_window(shape, y); row <= last_window(shape, y); row++) {
                for (int column = first_window(shape, x); column <= last_window(shape, x); column++) {
                    gather_window(shape, own_input, own_output, own_gradient, row, column, y, x, own, sum);
                }
            }
            save<V>(input_gradient + (image * count + i) * V, sum);
        }
    }
}

KERNEL max_pool_gradient_f32(
    const float* input, const float* output, const float* output_gradient, long long images, MaxPoolShape shape,
    float* input_gradient) {
    BY_WIDTH(float, shape.channels, max_pool_gradient_in,
        input, output, output_gradient, images, shape, input_gradient);
}

KERNEL max_pool_gradient_bf16(
    const bf16* input, const bf16* output, const bf16* output_gradient, long long images, MaxPoolShape shape,
    bf16* input_gradient) {
    BY_WIDTH(bf16, shape.channels, max_pool_gradient_in,
        input, output, output_gradient, images, shape, input_gradient);
}

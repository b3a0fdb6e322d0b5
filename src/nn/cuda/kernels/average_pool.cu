// Average of each channel over the pixels of each image: a map [images, pixels, channels] to features
// [images, channels], which are float.
//
// | kernel                     | parameters in order                                   | grid                        |
// | -------------------------- | ----------------------------------------------------- | --------------------------- |
// | average_pool_f32, _bf16    | const T* input, i64 images, i32 pixels (of an image), | (images,                    |
// |                            | i32 channels, float* output                           | ceil(channels / (V * 256))) |
// | average_pool_gradient_f32, | const float* output_gradient, i64 images, i32 pixels, | (images, ceil(pixels *      |
// |   _bf16                    | i32 channels, T* input_gradient                       | channels / (V * 256)))      |
//
// One image has fewer than 2^31 elements; x is at most 2^31 - 1 and y at most 65535 blocks (fewer are correct too). V
// as in moments.cu.

template <int V, class T> __device__ void average_pool_in(
    const T* __restrict__ input, long long images, int pixels, int channels, float* __restrict__ output) {
    int groups = channels / V;
    for (long long image = blockIdx.x; image < images; image += gridDim.x) {
        for (int group = blockIdx.y * THREADS + threadIdx.x; group < groups; group += gridDim.y * THREADS) {
            const T* from = input + image * pixels * channels + group * V;
            float sum[V] = {};
            for (int pixel = 0; pixel < pixels; pixel++) {
                float x[V];
                load<V>(from + static_cast<long long>(pixel) * channels, x);
                for (int v = 0; v < V; v++) sum[v] += x[v];
            }
            for (int v = 0; v < V; v++) sum[v] /= static_cast<float>(pixels);
            save<V>(output + image * channels + group * V, sum);
        }
    }
}

KERNEL average_pool_f32(
    const float* input, long long images, int pixels, int channels, float* output) {
    BY_WIDTH(float, channels, average_pool_in, input, images, pixels, channels, output);
}

KERNEL average_pool_bf16(
    const bf16* input, long long images, int pixels, int channels, float* output) {
    BY_WIDTH(bf16, channels, average_pool_in, input, images, pixels, channels, output);
}

template <int V, class T> __device__ void average_pool_gradient_in(
    const float* __restrict__ output_gradient, long long images, int pixels, int channels,
    T* __restrict__ input_gradient) {
    int groups = channels / V, count = pixels * groups;
    float weight = 1.0f / static_cast<float>(pixels);
    for (long long image = blockIdx.x; image < images; image += gridDim.x) {
        for (int i = blockIdx.y * THREADS + threadIdx.x; i < count; i += gridDim.y * THREADS) {
            float gradient[V];
            load<V>(output_gradient + image * channels + i % groups * V, gradient);
            for (int v = 0; v < V; v++) gradient[v] *= weight;
            save<V>(input_gradient + (image * count + i) * V, gradient);
        }
    }
}

KERNEL average_pool_gradient_f32(
    const float* output_gradient, long long images, int pixels, int channels, float* input_gradient) {
    BY_WIDTH(float, channels, average_pool_gradient_in, output_gradient, images, pixels, channels, input_gradient);
}

KERNEL average_pool_gradient_bf16(
    const float* output_gradient, long long images, int pixels, int channels, bf16* input_gradient) {
    BY_WIDTH(bf16, channels, average_pool_gradient_in, output_gradient, images, pixels, channels, input_gradient);
}

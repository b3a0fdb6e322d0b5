// SGD, Adam and AdamW over all parameters, and the norm and scaling of the gradient; arithmetic and rounding as in
// src/optim.
//
// | kernel            | parameters in order                                                | grid        |
// | ----------------- | ------------------------------------------------------------------ | ----------- |
// | sgd               | const Tensor* tensors, const Chunk* chunks, i32 count (of chunks), | (count)     |
// |                   | float rate, float momentum, float decay, i32 nesterov              |             |
// | adam              | const Tensor* tensors, const Chunk* chunks, i32 count,             | (count)     |
// |                   | AdamStep step (nine floats, by value)                              |             |
// | square_sums       | const Tensor* tensors, const Chunk* chunks, i32 count,             | (count)     |
// |                   | double* sums [count] (of each chunk's gradient)                    |             |
// | square_sums_merge | const double* sums, i32 count, double* total (one value)           | (1) exactly |
// | scale_gradients   | const Tensor* tensors, const Chunk* chunks, i32 count,             | (count)     |
// |                   | float factor                                                       |             |
//
// Tensor and Chunk: tensors.cuh. SGD without momentum has no state (first_state null). AdamStep is computed from
// rate, betas, epsilon and weight decay in double, where `step` counts from 1: size = rate / (1 - beta1^step),
// root = 1 / sqrt(1 - beta2^step), keep1 = beta1, add1 = 1 - beta1, keep2 = beta2, add2 = 1 - beta2, epsilon,
// in_gradient = weight decay for Adam and 0 for AdamW, shrink = 1 for Adam and 1 - rate * weight decay for AdamW.

KERNEL sgd(
    const Tensor* tensors, const Chunk* chunks, int count, float rate, float momentum, float decay, int nesterov) {
    each_element(tensors, chunks, count, [=](const Tensor& tensor, long long i) {
        float w = tensor.values[i], g = tensor.gradient[i] + (tensor.decays ? decay : 0.0f) * w;
        if (tensor.first_state == nullptr) {
            tensor.values[i] = w - rate * g;
            return;
        }
        float v = momentum * tensor.first_state[i] + g;
        tensor.first_state[i] = v;
        tensor.values[i] = w - rate * (nesterov ? g + momentum * v : v);
    });
}

struct AdamStep {
    float size, root, keep1, add1, keep2, add2, epsilon, in_gradient, shrink;
};

KERNEL adam(
    const Tensor* tensors, const Chunk* chunks, int count, AdamStep step) {
    each_element(tensors, chunks, count, [=](const Tensor& tensor, long long i) {
        float w = tensor.values[i], g = tensor.gradient[i] + (tensor.decays ? step.in_gradient : 0.0f) * w;
        float m = step.keep1 * tensor.first_state[i] + step.add1 * g;
        float v = step.keep2 * tensor.second_state[i] + step.add2 * g * g;
        tensor.first_state[i] = m;
        tensor.second_state[i] = v;
        float shrink = tensor.decays ? step.shrink : 1.0f;
        tensor.values[i] = shrink * w - step.size * m / (sqrtf(v) * step.root + step.epsilon);
    });
}

KERNEL square_sums(
    const Tensor* tensors, const Chunk* chunks, int count, double* sums) {
    for (int c = blockIdx.x; c < count; c += gridDim.x) {
        Tensor tensor = tensors[chunks[c].tensor];
        double sum = 0.0;
        each_index(tensor, chunks[c].part, [&](long long i) {
            double g = tensor.gradient[i];
            sum += g * g;
        });
        sum = block_reduce(sum, Sum());
        if (threadIdx.x == 0) sums[c] = sum;
    }
}

KERNEL square_sums_merge(const double* sums, int count, double* total) {
    double sum = 0.0;
    for (int c = threadIdx.x; c < count; c += THREADS) sum += sums[c];
    sum = block_reduce(sum, Sum());
    if (threadIdx.x == 0) *total = sum;
}

KERNEL scale_gradients(const Tensor* tensors, const Chunk* chunks, int count, float factor) {
    each_element(tensors, chunks, count, [=](const Tensor& tensor, long long i) { tensor.gradient[i] *= factor; });
}

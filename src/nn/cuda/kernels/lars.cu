// LARS over all parameters in two launches; arithmetic as in src/optim/lars.rs.
//
// | kernel       | parameters in order                                                 | grid    |
// | ------------ | ------------------------------------------------------------------- | ------- |
// | lars_squares | const Tensor* tensors, const Chunk* chunks, i32 count (of chunks),  | (count) |
// |              | float decay, Squares* squares [count] (two doubles each)            |         |
// | lars         | const Tensor* tensors, const Chunk* chunks, i32 count, float decay, | (count) |
// |              | const Squares* squares, double rate, double trust, float momentum   |         |
//
// Tensor and Chunk: tensors.cuh; first_state is the momentum. Both launches add the weight decay to the gradient
// without writing it back, so that the gradient keeps its values.

/// Sums of squares over a chunk, of the values and of the gradient with weight decay; 0 for tensors without trust
/// ratio.
struct Squares {
    double values, gradient;
};

KERNEL lars_squares(
    const Tensor* tensors, const Chunk* chunks, int count, float decay, Squares* squares) {
    for (int c = blockIdx.x; c < count; c += gridDim.x) {
        Tensor tensor = tensors[chunks[c].tensor];
        Squares own = {0.0, 0.0};
        if (tensor.decays) {
            each_index(tensor, chunks[c].part, [&](long long i) {
                float w = tensor.values[i], g = tensor.gradient[i] + decay * w;
                own.values += static_cast<double>(w) * w;
                own.gradient += static_cast<double>(g) * g;
            });
        }
        own.values = block_reduce(own.values, Sum());
        own.gradient = block_reduce(own.gradient, Sum());
        if (threadIdx.x == 0) squares[c] = own;
    }
}

/// Returns `trust * |values| / |gradient|`, or 1 if either is 0. Every block of a tensor adds its chunks in the same
/// order.
__device__ inline double trust_ratio(const Tensor& tensor, const Squares* squares, double trust) {
    int parts = static_cast<int>((tensor.length + CHUNK - 1) / CHUNK);
    Squares sum = {0.0, 0.0};
    for (int part = threadIdx.x; part < parts; part += THREADS) {
        sum.values += squares[tensor.first_chunk + part].values;
        sum.gradient += squares[tensor.first_chunk + part].gradient;
    }
    double values = sqrt(block_reduce(sum.values, Sum())), gradient = sqrt(block_reduce(sum.gradient, Sum()));
    return values > 0.0 && gradient > 0.0 ? trust * values / gradient : 1.0;
}

KERNEL lars(
    const Tensor* tensors, const Chunk* chunks, int count, float decay, const Squares* squares, double rate,
    double trust, float momentum) {
    for (int c = blockIdx.x; c < count; c += gridDim.x) {
        Tensor tensor = tensors[chunks[c].tensor];
        double ratio = tensor.decays ? trust_ratio(tensor, squares, trust) : 1.0;
        float own_rate = static_cast<float>(rate * ratio), own_decay = tensor.decays ? decay : 0.0f;
        each_index(tensor, chunks[c].part, [&](long long i) {
            float w = tensor.values[i], g = tensor.gradient[i] + own_decay * w;
            float v = momentum * tensor.first_state[i] + own_rate * g;
            tensor.first_state[i] = v;
            tensor.values[i] = w - v;
        });
    }
}

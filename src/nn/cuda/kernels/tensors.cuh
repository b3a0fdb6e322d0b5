// Multi-tensor launches: tables of tensors and of chunks in device memory. Prepended after sums.cuh.

/// Elements per chunk; the last one of a tensor may have fewer.
constexpr int CHUNK = 8192;

/// One parameter, 48 bytes. State vectors that the optimizer does not have are null. All pointers are 16-byte aligned.
struct Tensor {
    float* values;
    float* gradient;
    float* first_state;
    float* second_state;
    long long length;
    int first_chunk; // in the chunk table; the tensor's ceil(length / CHUNK) chunks follow each other
    int decays;      // 1 for weights, 0 for biases and batch norm
};

/// A chunk of a tensor, 8 bytes: its elements from `part * CHUNK` on.
struct Chunk {
    int tensor;
    int part;
};

/// Calls `update` with this thread's indices of a chunk.
template <class Update> __device__ inline void each_index(const Tensor& tensor, int part, Update update) {
    long long begin = static_cast<long long>(part) * CHUNK;
    long long end = begin + CHUNK < tensor.length ? begin + CHUNK : tensor.length;
    for (long long i = begin + threadIdx.x; i < end; i += THREADS) update(i);
}

/// Calls `update(tensor, i)` once for each element of each chunk.
template <class Update> __device__ inline void each_element(
    const Tensor* tensors, const Chunk* chunks, int count, Update update) {
    for (int c = blockIdx.x; c < count; c += gridDim.x) {
        Chunk chunk = chunks[c];
        Tensor tensor = tensors[chunk.tensor];
        each_index(tensor, chunk.part, [&](long long i) { update(tensor, i); });
    }
}

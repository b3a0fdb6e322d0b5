// Reductions over warps, blocks, the rows of a tile, and partial sums. Prepended after common.cuh.

struct Sum {
    template <class N> __device__ N operator()(N a, N b) const { return a + b; }
};
/// Ignores NaN, as Rust's f32::max.
struct Max {
    __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

template <class N, class Op> __device__ inline N warp_reduce(N value, Op op) {
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        value = op(value, __shfl_xor_sync(EVERY_LANE, value, distance));
    }
    return value;
}

/// Reduces over the block; all threads get the result.
template <class N, class Op> __device__ inline N block_reduce(N value, Op op) {
    __shared__ N warps[THREADS / WARP];
    value = warp_reduce(value, op);
    __syncthreads(); // earlier calls have read the shared memory
    if (threadIdx.x % WARP == 0) warps[threadIdx.x / WARP] = value;
    __syncthreads();
    value = warps[0];
    for (int warp = 1; warp < THREADS / WARP; warp++) value = op(value, warps[warp]);
    return value;
}

// Merging partial sums [parts, channels]: a block takes 8 channels, 32 threads ("slices") for each.

constexpr int MERGED = 8;
constexpr int SLICES = THREADS / MERGED;

/// Sums over the slices of each channel; all of them get the result.
__device__ inline double slice_sum(double value) {
    __shared__ double sums[THREADS];
    __syncthreads(); // earlier calls have read the shared memory
    sums[threadIdx.x] = value;
    __syncthreads();
    double sum = 0.0;
    for (int slice = 0; slice < SLICES; slice++) sum += sums[slice * MERGED + threadIdx.x % MERGED];
    return sum;
}

/// Sums all parts of one channel; called by the whole block, `channel` may be past the end.
__device__ inline double merged_sum(const float* partial, int parts, int channels, int channel) {
    double sum = 0.0;
    if (channel < channels) {
        for (int part = threadIdx.x / MERGED; part < parts; part += SLICES) {
            sum += partial[static_cast<long long>(part) * channels + channel];
        }
    }
    return slice_sum(sum);
}

/// Adds up the `sums` of the block's threads for each channel of a tile and writes the totals to `partial[channel]`.
template <int V> __device__ inline void write_tile_sums(
    const Tile<V>& tile, int index, int channels, const float (&sums)[V], float* partial) {
    __shared__ float shared[THREADS * V];
    __syncthreads(); // earlier calls have read the shared memory
    for (int i = 0; i < V; i++) shared[threadIdx.x * V + i] = sums[i];
    __syncthreads();
    int width = tile.lanes * V, channel = tile.base(index) + static_cast<int>(threadIdx.x);
    if (static_cast<int>(threadIdx.x) < width && channel < channels) {
        float sum = 0.0f;
        for (int row = 0; row < tile.rows; row++) sum += shared[row * width + threadIdx.x];
        partial[channel] = sum;
    }
}

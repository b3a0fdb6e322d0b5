// Helpers of all kernels. The .cu files have no includes: common.cuh, sums.cuh and tensors.cuh are prepended, in this
// order, and all files are compiled as one program, so names are unique across files. No CUDA or C++ header is used, so
// NVRTC needs no files besides its library, and the tests compile the same source on the host
// (tests/cuda_kernels/host.h).
//
// Contract of every kernel:
//   block         (256, 1, 1), no dynamic shared memory
//   grid          any size is correct unless the table at the top of the file says "exactly"
//   maps          [pixels, channels], channels last; 16-byte aligned; float in kernels *_f32, bf16 in *_bf16
//   arithmetic    float; partial sums are merged in double
//   sums          in an order that depends on shape and grid alone: the same launch gives the same bits

constexpr int THREADS = 256;
/// An exported kernel. Without a minimum number of blocks ptxas spills registers to fit more blocks than are needed.
#define KERNEL extern "C" __global__ void __launch_bounds__(THREADS, 2)

constexpr int WARP = 32;
constexpr unsigned EVERY_LANE = 0xffffffffu;

/// The upper half of a float.
struct bf16 {
    unsigned short bits;
};

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(bf16 x) { return __uint_as_float(static_cast<unsigned>(x.bits) << 16); }

/// Rounds to nearest, ties to even; NaN stays NaN.
__device__ inline unsigned bf16_bits(float x) {
    unsigned bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (bits >> 16) | 0x40u;
    return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}

__device__ inline void set(float& to, float x) { to = x; }
__device__ inline void set(bf16& to, float x) { to.bits = static_cast<unsigned short>(bf16_bits(x)); }

/// Elements in 16 bytes of a map.
template <class T> constexpr int WIDE = 16 / sizeof(T);

/// Calls FUNCTION<V>(..) with V = WIDE<T> if that divides the channels, else with V = 1.
#define BY_WIDTH(T, channels, FUNCTION, ...)                                                                           \
    do {                                                                                                               \
        if ((channels) % WIDE<T> == 0) FUNCTION<WIDE<T>>(__VA_ARGS__);                                                 \
        else FUNCTION<1>(__VA_ARGS__);                                                                                 \
    } while (false)

// Vectors of V elements: V is 1, or a multiple of 4, aligned to 4 elements at least.

template <int V> __device__ inline void load(const float* from, float (&x)[V]) {
    if constexpr (V == 1) {
        x[0] = *from;
    } else {
        for (int i = 0; i < V; i += 4) {
            float4 four = *reinterpret_cast<const float4*>(from + i);
            x[i] = four.x, x[i + 1] = four.y, x[i + 2] = four.z, x[i + 3] = four.w;
        }
    }
}

template <int V> __device__ inline void save(float* to, const float (&x)[V]) {
    if constexpr (V == 1) {
        *to = x[0];
    } else {
        for (int i = 0; i < V; i += 4) {
            *reinterpret_cast<float4*>(to + i) = make_float4(x[i], x[i + 1], x[i + 2], x[i + 3]);
        }
    }
}

__device__ inline float lower_half(unsigned pair) { return __uint_as_float(pair << 16); }
__device__ inline float upper_half(unsigned pair) { return __uint_as_float(pair & 0xffff0000u); }
__device__ inline unsigned pair_of(float lower, float upper) { return bf16_bits(lower) | (bf16_bits(upper) << 16); }

template <int V> __device__ inline void load(const bf16* from, float (&x)[V]) {
    if constexpr (V == 1) {
        x[0] = to_float(*from);
    } else if constexpr (V == 4) {
        uint2 two = *reinterpret_cast<const uint2*>(from);
        x[0] = lower_half(two.x), x[1] = upper_half(two.x), x[2] = lower_half(two.y), x[3] = upper_half(two.y);
    } else {
        static_assert(V == 8, "1, 4 or 8 elements");
        uint4 four = *reinterpret_cast<const uint4*>(from);
        x[0] = lower_half(four.x), x[1] = upper_half(four.x), x[2] = lower_half(four.y), x[3] = upper_half(four.y);
        x[4] = lower_half(four.z), x[5] = upper_half(four.z), x[6] = lower_half(four.w), x[7] = upper_half(four.w);
    }
}

template <int V> __device__ inline void save(bf16* to, const float (&x)[V]) {
    if constexpr (V == 1) {
        set(*to, x[0]);
    } else if constexpr (V == 4) {
        *reinterpret_cast<uint2*>(to) = make_uint2(pair_of(x[0], x[1]), pair_of(x[2], x[3]));
    } else {
        static_assert(V == 8, "1, 4 or 8 elements");
        *reinterpret_cast<uint4*>(to) =
            make_uint4(pair_of(x[0], x[1]), pair_of(x[2], x[3]), pair_of(x[4], x[5]), pair_of(x[6], x[7]));
    }
}

// Grid-stride loops over items: from first_index() in steps of index_step().

__device__ inline long long first_index() { return static_cast<long long>(blockIdx.x) * THREADS + threadIdx.x; }
__device__ inline long long index_step() { return static_cast<long long>(gridDim.x) * THREADS; }

/// The assignment of a block's threads to a map: `lanes` adjacent threads take V channels each, for `rows` pixels at a
/// time. A thread keeps its channels, so that per-channel values stay in registers. blockIdx.y is the first tile of
/// channels.
template <int V> struct Tile {
    int groups, lanes, rows, lane, row;

    __device__ explicit Tile(int channels) : groups(channels / V), lanes(1) {
        while (lanes < groups && lanes < WARP) lanes *= 2;
        rows = THREADS / lanes;
        lane = threadIdx.x % lanes;
        row = threadIdx.x / lanes;
    }
    __device__ int tiles() const { return (groups + lanes - 1) / lanes; }
    /// First channel of this thread, which may be past the end.
    __device__ int channel(int tile) const { return (tile * lanes + lane) * V; }
    /// First channel of the whole block.
    __device__ int base(int tile) const { return tile * lanes * V; }
};

/// The grid-stride loop of a thread over a map for one tile of channels: indices begin, begin + step, .. below end.
template <int V> struct GridStride {
    long long begin, end, step;

    __device__ GridStride(const Tile<V>& tile, int channel, long long pixels, int channels)
        : begin((static_cast<long long>(blockIdx.x) * tile.rows + tile.row) * channels + channel),
          end(pixels * channels), step(static_cast<long long>(gridDim.x) * tile.rows * channels) {}
};

/// The pixels of part `part` of `parts`; may be empty.
struct PixelRange {
    long long begin, end;

    __device__ PixelRange(long long pixels, long long part, long long parts) {
        long long each = (pixels + parts - 1) / parts;
        begin = part * each < pixels ? part * each : pixels;
        end = begin + each < pixels ? begin + each : pixels;
    }
    __device__ long long length() const { return end - begin; }
};

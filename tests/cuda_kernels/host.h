// Runs the CUDA kernels on the host, so that they can be tested without a GPU.
//
// Blocks run one after the other, so `__shared__` is a plain static. The threads of a block are fibers: each warp runs
// until it waits for others, then the next one runs, in ascending or in descending order of lanes, warps and blocks. Of
// any two threads each runs ahead of the other in one of the orders, so a missing __syncthreads() changes the results
// in one of them. A barrier that not all threads reach aborts the process. With -DREAL_THREADS the threads are system
// threads instead, for -fsanitize=thread.

#pragma once
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>
#include <vector>
#ifdef REAL_THREADS
#include <barrier>
#include <thread>
#else
#include <ucontext.h>
#endif

#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(threads, blocks)

struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }

template <class To, class From> To bits_as(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}
inline unsigned __float_as_uint(float x) { return bits_as<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return bits_as<float>(x); }

struct Index { unsigned x, y, z; };
#ifdef REAL_THREADS
inline thread_local Index threadIdx, blockIdx, gridDim;
#else
inline Index threadIdx, blockIdx, gridDim;
#endif

namespace host {

constexpr unsigned threads = 256, warp = 32;

#ifdef REAL_THREADS

struct Barrier {
    std::unique_ptr<std::barrier<>> barrier;
    explicit Barrier(unsigned expected) : barrier(new std::barrier<>(expected)) {}
    void wait() { barrier->arrive_and_wait(); }
};

inline void run_threads(const std::function<void(unsigned)>& work, bool descending) {
    std::vector<std::thread> running;
    for (unsigned i = 0; i < threads; i++) running.emplace_back(work, descending ? threads - 1 - i : i);
    for (auto& thread : running) thread.join();
}

#else

struct Barrier;

struct Fiber {
    ucontext_t context;
    std::vector<char> stack = std::vector<char>(1 << 17);
    bool done;
    const Barrier* waits_at; // null before the first wait
    unsigned generation;     // of the barrier when the wait began
};
inline std::vector<Fiber> fibers(threads);
inline ucontext_t scheduler;
inline unsigned current, finished;
inline const std::function<void(unsigned)>* thread_work;

struct Barrier {
    unsigned expected, arrived = 0, generation = 0;
    explicit Barrier(unsigned expected) : expected(expected) {}
    void wait() {
        if (++arrived == expected) {
            arrived = 0;
            generation++;
            return;
        }
        Fiber& own = fibers[current];
        own.waits_at = this;
        own.generation = generation;
        swapcontext(&own.context, &scheduler);
    }
};

inline void run_fiber() {
    (*thread_work)(current);
    fibers[current].done = true;
    finished++;
}

/// Runs each thread of a warp that is not waiting, once; returns whether there was one.
inline bool run_warp(unsigned index, bool descending) {
    bool any = false;
    for (unsigned i = 0; i < warp; i++) {
        current = index * warp + (descending ? warp - 1 - i : i);
        Fiber& fiber = fibers[current];
        if (fiber.done || (fiber.waits_at && fiber.waits_at->generation == fiber.generation)) continue;
        any = true;
        swapcontext(&scheduler, &fiber.context);
    }
    return any;
}

inline void run_threads(const std::function<void(unsigned)>& work, bool descending) {
    thread_work = &work;
    finished = 0;
    for (Fiber& fiber : fibers) {
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.data();
        fiber.context.uc_stack.ss_size = fiber.stack.size();
        fiber.context.uc_link = &scheduler;
        fiber.done = false;
        fiber.waits_at = nullptr;
        makecontext(&fiber.context, run_fiber, 0);
    }
    while (finished < threads) {
        bool any = false;
        for (unsigned i = 0; i < threads / warp; i++) {
            // Until the whole warp waits for others.
            while (run_warp(descending ? threads / warp - 1 - i : i, descending)) any = true;
        }
        if (!any) {
            std::fputs("not all threads reached a barrier\n", stderr);
            std::abort();
        }
    }
}

#endif

/// The barriers of a block, and the slots through which its threads exchange values. A thread is at most one exchange
/// ahead of the others of its warp, so two sets of slots are enough.
struct Block {
    Barrier all{threads};
    std::vector<Barrier> warps;
    double slots[2][threads];
    unsigned exchanges[threads] = {};
    Block() {
        for (unsigned i = 0; i < threads / warp; i++) warps.emplace_back(warp);
    }
};
inline Block* block = nullptr;

template <class... A>
void launch(void (*kernel)(A...), const unsigned* grid, void** arguments, bool descending) {
    unsigned blocks = grid[0] * grid[1] * grid[2];
    for (unsigned i = 0; i < blocks; i++) {
        unsigned own = descending ? blocks - 1 - i : i;
        Block shared;
        block = &shared;
        run_threads([&](unsigned thread) {
            threadIdx = {thread, 0, 0};
            blockIdx = {own % grid[0], own / grid[0] % grid[1], own / grid[0] / grid[1]};
            gridDim = {grid[0], grid[1], grid[2]};
            [&]<size_t... I>(std::index_sequence<I...>) {
                kernel(*static_cast<A*>(arguments[I])...);
            }(std::index_sequence_for<A...>());
        }, descending);
    }
}

/// Waits, and restores `threadIdx`, which the other fibers change.
inline void wait(Barrier& barrier) {
    Index own = threadIdx;
    barrier.wait();
    threadIdx = own;
}

} // namespace host

inline void __syncthreads() { host::wait(host::block->all); }

template <class N> N __shfl_xor_sync(unsigned, N value, int distance) {
    unsigned own = threadIdx.x, turn = host::block->exchanges[own]++ % 2;
    host::block->slots[turn][own] = value;
    host::wait(host::block->warps[own / host::warp]);
    return static_cast<N>(host::block->slots[turn][own ^ static_cast<unsigned>(distance)]);
}

// Runs the CUDA kernels on the host, so that they can be tested without a GPU.
//
// Blocks run one after the other, so `__shared__` is a plain static. The threads of a block are fibers: each warp runs
// until it waits for others, then the next one runs, in ascending or in descending order of lanes, warps and blocks. Of
// any two threads each runs ahead of the other in one of the orders, so a missing __syncthreads() changes the results
// in one of them. A barrier that not all threads reach aborts the process; with -DEXITED_THREADS_ARRIVE those that have
// returned do not count, as on a GPU, which kernels of dfdx need. With -DREAL_THREADS the threads are system
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
#include <csetjmp>
#include <deque>
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
inline thread_local Index threadIdx, blockIdx, gridDim, blockDim;
#else
inline Index threadIdx, blockIdx, gridDim, blockDim;
#endif

namespace host {

constexpr unsigned max_threads = 1024, warp = 32;
inline unsigned threads = 256; // per block

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

constexpr size_t stack_size = 1 << 17;

#ifdef __SANITIZE_ADDRESS__
using Context = ucontext_t;
inline void jump(Context& from, Context& to) { swapcontext(&from, &to); }
#else
/// Needs no system call, unlike `swapcontext`, but AddressSanitizer does not understand it.
struct Context { jmp_buf place; };
inline void jump(Context& from, Context& to) {
    if (!_setjmp(from.place)) _longjmp(to.place, 1);
}
#endif

/// A thread of one block after the other.
struct Fiber {
    std::unique_ptr<char[]> stack{new char[stack_size]};
    bool started = false;
    Context state;           // where it goes on, once it has started
    bool done;               // with the current block
    const Barrier* waits_at; // null before the first wait
    unsigned generation;     // of the barrier when the wait began
};
inline std::deque<Fiber> fibers;
inline Context scheduler;
inline unsigned current, finished;
inline bool alone = false;   // a thread runs from its start to its end
inline bool waited = false;  // a thread has waited since this was cleared
inline const std::function<void(unsigned)>* thread_work;

/// Returns from the call of `resume` that runs this fiber; returns itself when the fiber is resumed.
inline void suspend(Fiber& own) { jump(own.state, scheduler); }

struct Barrier {
    unsigned expected, arrived = 0, generation = 0;
    explicit Barrier(unsigned expected) : expected(expected) {}
    void wait() {
        if (alone) {
            std::fputs("a kernel reached a barrier only in some launches\n", stderr);
            std::abort();
        }
        waited = true;
        arrived++;
        if (passed()) return;
        Fiber& own = fibers[current];
        own.waits_at = this;
        own.generation = generation;
        suspend(own);
    }
    /// Lets the waiting threads go if all have arrived.
    bool passed() {
        if (arrived < expected) return false;
        arrived = 0;
        generation++;
        return true;
    }
};
void leave_block();

inline void run_fiber() {
    for (;;) {
        (*thread_work)(current);
        fibers[current].done = true;
        finished++;
        leave_block();
        suspend(fibers[current]);
    }
}

/// Runs a fiber until it waits or is done.
inline void resume(Fiber& fiber) {
    if (fiber.started) return jump(scheduler, fiber.state);
    fiber.started = true;
    ucontext_t start;
    getcontext(&start);
    start.uc_stack.ss_sp = fiber.stack.get();
    start.uc_stack.ss_size = stack_size;
    makecontext(&start, run_fiber, 0);
#ifdef __SANITIZE_ADDRESS__
    swapcontext(&scheduler, &start);
#else
    if (!_setjmp(scheduler.place)) setcontext(&start);
#endif
}

/// Runs each thread of a warp that is not waiting, once; returns whether there was one.
inline bool run_warp(unsigned index, bool descending) {
    bool any = false;
    for (unsigned i = 0; i < warp; i++) {
        current = index * warp + (descending ? warp - 1 - i : i);
        if (current >= threads) continue;
        Fiber& fiber = fibers[current];
        if (fiber.done || (fiber.waits_at && fiber.waits_at->generation == fiber.generation)) continue;
        any = true;
        resume(fiber);
    }
    return any;
}

inline void run_threads(const std::function<void(unsigned)>& work, bool descending) {
    thread_work = &work;
    finished = 0;
    if (fibers.size() < threads) fibers.resize(threads);
    for (unsigned i = 0; i < threads; i++) {
        Fiber& fiber = fibers[i];
        fiber.done = false;
        fiber.waits_at = nullptr;
    }
    while (finished < threads) {
        bool any = false;
        unsigned warps = (threads + warp - 1) / warp;
        for (unsigned i = 0; i < warps; i++) {
            // Until the whole warp waits for others.
            while (run_warp(descending ? warps - 1 - i : i, descending)) any = true;
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
    double slots[2][max_threads];
    unsigned exchanges[max_threads] = {};
    Block() {
        for (unsigned i = 0; i < threads / warp; i++) warps.emplace_back(warp);
    }
};
inline Block* block = nullptr;

#ifndef REAL_THREADS
inline void leave_block() {
#ifdef EXITED_THREADS_ARRIVE
    block->all.expected--;
    if (block->all.arrived) block->all.passed();
#endif
}
#endif

/// Runs `work` for every thread of every block, after setting its indices.
template <class Work>
void run_blocks(const unsigned* grid, bool descending, const Work& work) {
    unsigned blocks = grid[0] * grid[1] * grid[2];
    for (unsigned i = 0; i < blocks; i++) {
        unsigned own = descending ? blocks - 1 - i : i;
        auto thread = [&](unsigned index) {
            threadIdx = {index, 0, 0};
            blockIdx = {own % grid[0], own / grid[0] % grid[1], own / grid[0] / grid[1]};
            gridDim = {grid[0], grid[1], grid[2]};
            blockDim = {threads, 1, 1};
            work();
        };
#ifndef REAL_THREADS
        if (alone) {
            for (unsigned index = 0; index < threads; index++) thread(descending ? threads - 1 - index : index);
            continue;
        }
#endif
        Block shared;
        block = &shared;
        run_threads(thread, descending);
    }
}

template <class... A>
void launch(void (*kernel)(A...), const unsigned* grid, void** arguments, bool descending) {
    run_blocks(grid, descending, [&] {
        [&]<size_t... I>(std::index_sequence<I...>) {
            kernel(*static_cast<A*>(arguments[I])...);
        }(std::index_sequence_for<A...>());
    });
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

// Kernels of the software device: PREPARE(name) exports a function that copies the arguments of one launch.
//
// The first launch of a kernel runs its threads as fibers. If none of them waited for another, later launches run one
// thread after the other, which is 100 times faster. Kernels of dfdx wait for some sizes only and always are fibers.

#pragma once
#include "../cuda_kernels/host.h"
#include "device.h"
#include <map>
#include <tuple>
#include <type_traits>

namespace software {

template <class A> void add_pointer(std::vector<const void*>& pointers, A argument) {
    if constexpr (std::is_pointer_v<A>) pointers.push_back(argument);
}

/// Blocks and threads run in descending order in every second launch.
template <class... A> Prepared* prepare(void (*kernel)(A...), void** parameters) {
    auto copy = [&]<size_t... I>(std::index_sequence<I...>) {
        return std::tuple<A...>(*static_cast<A*>(parameters[I])...);
    };
    std::tuple<A...> arguments = copy(std::index_sequence_for<A...>());
    auto* prepared = new Prepared;
    std::apply([&](auto... argument) { (add_pointer(prepared->pointers, argument), ...); }, arguments);
    prepared->run = [=](const unsigned (&grid)[3], unsigned threads) {
        static std::map<void (*)(A...), bool> independent;
        static bool descending = false;
        descending = !descending;
        host::threads = threads;
        host::alone = independent[kernel];
        host::waited = false;
        host::run_blocks(grid, descending, [&] { std::apply(kernel, arguments); });
#ifndef EXITED_THREADS_ARRIVE
        if (!host::waited) independent[kernel] = true;
#endif
    };
    return prepared;
}

} // namespace software

#define PREPARE(name)                                                                                                  \
    API software::Prepared* prepare_##name(void** parameters) { return software::prepare(name, parameters); }

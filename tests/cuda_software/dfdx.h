// What the kernels of dfdx use besides host.h, for one thread at a time: atomics, and a 16-bit float, whose kernels are
// compiled but never launched.

#pragma once
#include <algorithm>
#include <cassert>
#define EXITED_THREADS_ARRIVE
#include "kernel.h"

#define __CUDA_ARCH__ 900
#define __forceinline__ inline
#define __constant__

using std::isnan, std::max, std::min, std::signbit;

inline int __float_as_int(float x) { return bits_as<int>(x); }
inline float __int_as_float(int x) { return bits_as<float>(x); }
inline long long __double_as_longlong(double x) { return bits_as<long long>(x); }
inline double __longlong_as_double(long long x) { return bits_as<double>(x); }

template <class T, class V> T atomicAdd(T* address, V value) {
    T before = *address;
    *address = before + T(value);
    return before;
}
template <class T, class V> T atomicMax(T* address, V value) {
    T before = *address;
    *address = std::max<T>(before, T(value));
    return before;
}
template <class T, class V> T atomicMin(T* address, V value) {
    T before = *address;
    *address = std::min<T>(before, T(value));
    return before;
}
template <class T, class V, class W> T atomicCAS(T* address, V expected, W value) {
    T before = *address;
    if (before == T(expected)) *address = T(value);
    return before;
}

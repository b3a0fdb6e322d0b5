// Stands in for NVIDIA's header: the 16-bit kernels of dfdx are compiled with it and never launched.

#pragma once
#include <cmath>
#include <type_traits>

struct __half {
    float value;
    __half(double x = 0) : value(static_cast<float>(x)) {}
    operator float() const { return value; }
    __half& operator+=(__half other) { value += other.value; return *this; }
    __half& operator-=(__half other) { value -= other.value; return *this; }
    __half& operator*=(__half other) { value *= other.value; return *this; }
    __half& operator/=(__half other) { value /= other.value; return *this; }
};

#define ARITHMETIC(operation)                                                                                          \
    template <class A, class B>                                                                                        \
        requires(std::is_same_v<A, __half> || std::is_same_v<B, __half>)                                               \
    __half operator operation(A a, B b) {                                                                              \
        return static_cast<float>(a) operation static_cast<float>(b);                                                  \
    }
ARITHMETIC(+)
ARITHMETIC(-)
ARITHMETIC(*)
ARITHMETIC(/)
#undef ARITHMETIC

inline unsigned short __half_as_ushort(__half x) { return static_cast<unsigned short>(x.value); }
inline __half __ushort_as_half(unsigned x) { return x; }
inline __half __float2half(float x) { return x; }
inline float __half2float(__half x) { return x; }
inline bool __hisnan(__half x) { return std::isnan(x.value); }
inline __half __habs(__half x) { return std::fabs(x.value); }
inline __half __hmax_nan(__half a, __half b) { return std::fmax(a, b); }
inline __half __hmin_nan(__half a, __half b) { return std::fmin(a, b); }
inline __half __hgt(__half a, __half b) { return a.value > b.value; }
inline __half hcos(__half x) { return std::cos(x.value); }
inline __half hsin(__half x) { return std::sin(x.value); }
inline __half hsqrt(__half x) { return std::sqrt(x.value); }
inline __half hlog(__half x) { return std::log(x.value); }
inline __half hexp(__half x) { return std::exp(x.value); }

// The convolutions of cuDNN's stand-in: naive, in NHWC, but with cuDNN's rounding.

#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

enum Type { FLOAT = 0, BFLOAT16 = 9 };
enum Math { DEFAULT = 0, TENSOR_OP = 1, FMA = 3 };

struct Tensor { int type, images, channels, height, width; };
struct Filter { int type, outputs, inputs, height, width; };
struct Convolution { int padding, stride, math; };

size_t bytes_of(int type) { return type == BFLOAT16 ? 2 : 4; }
size_t size(const Tensor& t) { return size_t(t.images) * t.height * t.width * t.channels; }
size_t size(const Filter& f) { return size_t(f.outputs) * f.height * f.width * f.inputs; }

float with_bits(uint32_t bits) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

uint32_t bits_of(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof x);
    return bits;
}

/// Reads values as the products take them: in TF32 without the lower 13 bits, which tensor cores ignore.
std::vector<float> read(const void* from, size_t length, int type, int math) {
    std::vector<float> values(length);
    if (type == BFLOAT16) {
        auto stored = static_cast<const uint16_t*>(from);
        for (size_t i = 0; i < length; i++) values[i] = with_bits(uint32_t(stored[i]) << 16);
        return values;
    }
    std::memcpy(values.data(), from, length * sizeof(float));
    if (math == FMA) return values;
    for (float& x : values) x = with_bits(bits_of(x) & 0xffffe000u);
    return values;
}

uint16_t rounded(float x) {
    uint32_t bits = bits_of(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return uint16_t((bits >> 16) | 0x40u);
    return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

void write(void* to, const std::vector<float>& values, int type, float beta) {
    for (size_t i = 0; i < values.size(); i++) {
        if (type == BFLOAT16) {
            auto& stored = static_cast<uint16_t*>(to)[i];
            stored = rounded(values[i] + (beta == 0 ? 0 : beta * with_bits(uint32_t(stored) << 16)));
        } else {
            auto& stored = static_cast<float*>(to)[i];
            stored = values[i] + (beta == 0 ? 0 : beta * stored);
        }
    }
}

struct Problem {
    Tensor x;
    Filter w;
    Convolution convolution;
    Tensor y;

    /// Calls `work` with the offsets of the channels of an input, an output and a filter pixel that belong together.
    template <class Work> void for_each_tap(Work work) const {
        for (int n = 0; n < y.images; n++)
        for (int row = 0; row < y.height; row++)
        for (int column = 0; column < y.width; column++)
        for (int i = 0; i < w.height; i++)
        for (int j = 0; j < w.width; j++) {
            int x_row = row * convolution.stride - convolution.padding + i;
            int x_column = column * convolution.stride - convolution.padding + j;
            if (x_row < 0 || x_row >= x.height || x_column < 0 || x_column >= x.width) continue;
            size_t input = ((size_t(n) * x.height + x_row) * x.width + x_column) * x.channels;
            size_t output = ((size_t(n) * y.height + row) * y.width + column) * y.channels;
            work(input, output, (size_t(i) * w.width + j) * w.inputs);
        }
    }

    bool is_valid() const {
        auto output = [&](int side, int kernel) { return (side + 2 * convolution.padding - kernel) / convolution.stride + 1; };
        return x.type == w.type && x.type == y.type && x.channels == w.inputs && y.channels == w.outputs &&
               x.images == y.images && y.height == output(x.height, w.height) && y.width == output(x.width, w.width);
    }

    bool is_supported() const { return x.type == FLOAT || (w.inputs % 8 == 0 && w.outputs % 8 == 0); }

    size_t workspace(int algorithm) const { return 4096 + 512 * size_t(algorithm) + 64 * size_t(convolution.math); }

    /// Offset from one output channel of the filter to the next.
    size_t filter_step() const { return size_t(w.height) * w.width * w.inputs; }
};

std::vector<float> forward(const Problem& p, const std::vector<float>& x, const std::vector<float>& w) {
    std::vector<float> y(size(p.y));
    p.for_each_tap([&](size_t input, size_t output, size_t tap) {
        for (int k = 0; k < p.w.outputs; k++) {
            const float *from = &x[input], *weights = &w[k * p.filter_step() + tap];
            float sum = 0;
            for (int c = 0; c < p.w.inputs; c++) sum += from[c] * weights[c];
            y[output + k] += sum;
        }
    });
    return y;
}

std::vector<float> backward_data(const Problem& p, const std::vector<float>& w, const std::vector<float>& dy) {
    std::vector<float> dx(size(p.x));
    p.for_each_tap([&](size_t input, size_t output, size_t tap) {
        for (int k = 0; k < p.w.outputs; k++) {
            const float *weights = &w[k * p.filter_step() + tap], gradient = dy[output + k];
            float* to = &dx[input];
            for (int c = 0; c < p.w.inputs; c++) to[c] += gradient * weights[c];
        }
    });
    return dx;
}

std::vector<float> backward_filter(const Problem& p, const std::vector<float>& x, const std::vector<float>& dy) {
    std::vector<float> dw(size(p.w));
    p.for_each_tap([&](size_t input, size_t output, size_t tap) {
        for (int k = 0; k < p.w.outputs; k++) {
            const float *from = &x[input], gradient = dy[output + k];
            float* to = &dw[k * p.filter_step() + tap];
            for (int c = 0; c < p.w.inputs; c++) to[c] += gradient * from[c];
        }
    });
    return dw;
}

/// A direction: its name, which operand it writes, and its computation from the other two, in the order x, w, y.
struct Direction {
    const char* name;
    int written;
    std::vector<float> (*compute)(const Problem&, const std::vector<float>&, const std::vector<float>&);
};

const Direction FORWARD{"forward", 2, forward}, DATA{"backward_data", 0, backward_data},
    FILTER{"backward_filter", 1, backward_filter};

} // namespace

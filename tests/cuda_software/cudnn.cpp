// libcudnn.so.9 of the software device.
//
// bf16 is supported where both numbers of channels are multiples of 8, which is what cuDNN documents for tensor cores.
// A search reports one algorithm that is not supported, one whose workspace is too large, one that is deterministic and
// one that is not, which appears to be much faster while kernels are cold, that is in the first search. The fastest two
// have numbers that only a later cuDNN knows.

#include "convolutions.h"
#include "device.h"
#include <map>

namespace {

enum Status { NOT_INITIALIZED = 1001, BAD_PARAM = 2000, ALLOCATION_FAILED = 4001, NOT_SUPPORTED = 3000, EXECUTION_FAILED = 5000 };
enum Algorithm { FAST = 0, DETERMINISTIC = 1, LARGE = 2, UNSUPPORTED = 3, LATER = 99 };
constexpr int NHWC = 1, CROSS_CORRELATION = 1;
/// Memory that cuDNN itself allocates when it loads a kernel, bytes.
constexpr size_t OWN_MEMORY = size_t(64) << 20;

struct Handle {
    void* stream = nullptr;
};

struct Measured {
    int algorithm, status;
    float milliseconds;
    size_t workspace;
    int deterministic, math, reserved[3];
};

/// The operands x, w and y of a call.
struct Operands {
    const Problem& problem;
    void* address[3];

    size_t length(int which) const {
        return which == 0 ? size(problem.x) : which == 1 ? size(problem.w) : size(problem.y);
    }
    bool are_valid(const software::Stream& stream) const {
        for (int i = 0; i < 3; i++) {
            size_t bytes = length(i) * bytes_of(problem.x.type);
            if (reinterpret_cast<uintptr_t>(address[i]) % 16 || !software::is_memory(stream, address[i], bytes)) return false;
        }
        return true;
    }
};

int check(const software::Call& call, Handle* handle, const Operands& operands, const void* workspace, size_t bytes) {
    if (!operands.problem.is_valid()) return call.refuse(BAD_PARAM, "descriptors that do not belong together");
    if (!software::is_stream(handle->stream)) return call.refuse(BAD_PARAM, "a handle of another device");
    software::Stream& stream = software::stream_of(handle->stream);
    if (!operands.are_valid(stream)) return call.refuse(BAD_PARAM, "an operand outside of the device's memory");
    if (!software::is_memory(stream, workspace, bytes)) return call.refuse(BAD_PARAM, "the workspace");
    if (software::unreserved() < OWN_MEMORY) return call.refuse(ALLOCATION_FAILED, "no memory for a kernel");
    return 0;
}

int find(
    const software::Call& call, const Direction& direction, Handle* handle, const Operands& operands, int capacity,
    int* count, Measured* results, void* workspace, size_t bytes) {
    if (int status = check(call, handle, operands, workspace, bytes)) return status;
    static std::map<std::string, bool> warm;
    bool cold = !warm[direction.name];
    warm[direction.name] = true;
    const Problem& problem = operands.problem;
    int math = problem.convolution.math, refused = problem.is_supported() ? 0 : NOT_SUPPORTED;
    auto needed = [&](int algorithm) { return problem.workspace(algorithm); };
    const Measured all[] = {
        {LATER, 0, 0.01f, 0, 1, math, {}},
        {FAST, 0, 0.02f, 0, 7, LATER, {}},
        {LARGE, refused, 0.5f, size_t(1) << 40, 1, math, {}},
        {FAST, refused, cold ? 0.1f : 0.98f, needed(FAST), 0, math, {}},
        {DETERMINISTIC, refused, 1.0f, needed(DETERMINISTIC), 1, math, {}},
        {UNSUPPORTED, NOT_SUPPORTED, -1.0f, 0, 1, math, {}},
        // TF32 is measured even where the descriptor asks for FMA.
        {DETERMINISTIC, refused, 0.3f, needed(DETERMINISTIC), 1, math == FMA ? DEFAULT : math, {}},
    };
    *count = std::min(capacity, problem.x.type == FLOAT ? 7 : 6);
    std::memcpy(results, all, size_t(*count) * sizeof *all);
    void* written = operands.address[direction.written];
    size_t length = operands.length(direction.written) * bytes_of(problem.x.type);
    software::enqueue(software::stream_of(handle->stream), [=] { std::memset(written, 0xff, length); });
    return 0;
}

int run(
    const software::Call& call, const Direction& direction, Handle* handle, const Operands& operands, int algorithm,
    const void* workspace, size_t bytes, const void* alpha, const void* beta) {
    if (int status = check(call, handle, operands, workspace, bytes)) return status;
    const Problem& problem = operands.problem;
    if (!problem.is_supported() || algorithm > DETERMINISTIC) return call.refuse(NOT_SUPPORTED, "the algorithm");
    if (bytes < problem.workspace(algorithm)) return call.refuse(BAD_PARAM, "the workspace is too small");
    if (*static_cast<const float*>(alpha) != 1) return call.refuse(NOT_SUPPORTED, "alpha");
    std::string type = problem.x.type == BFLOAT16 ? "_bf16" : problem.convolution.math == FMA ? "_f32" : "_tf32";
    software::launched(std::string("cudnn_") + direction.name + type + (algorithm == FAST ? "_nondeterministic" : ""));
    auto* scratch = const_cast<void*>(workspace);
    software::enqueue(
        software::stream_of(handle->stream),
        [=, p = problem, x = operands.address[0], w = operands.address[1], y = operands.address[2],
         beta = *static_cast<const float*>(beta)] {
            std::memset(scratch, 0xff, bytes);
            int type = p.x.type, math = p.convolution.math, written = direction.written;
            auto first = written == 0 ? read(w, size(p.w), type, math) : read(x, size(p.x), type, math);
            auto second = written == 2 ? read(w, size(p.w), type, math) : read(y, size(p.y), type, math);
            write(written == 0 ? x : written == 1 ? w : y, direction.compute(p, first, second), type, beta);
        });
    return 0;
}

} // namespace

#define ENTER()                                                                                                        \
    software::Call call(__func__, true, NOT_INITIALIZED, EXECUTION_FAILED);                                            \
    if (call.status) return call.status

#define CREATE_AND_DESTROY(type, name)                                                                                 \
    API int cudnnCreate##name(type** created) {                                                                        \
        ENTER();                                                                                                       \
        *created = new type{};                                                                                         \
        return 0;                                                                                                      \
    }                                                                                                                  \
    API int cudnnDestroy##name(type* old) {                                                                            \
        ENTER();                                                                                                       \
        delete old;                                                                                                    \
        return 0;                                                                                                      \
    }
CREATE_AND_DESTROY(Handle, )
CREATE_AND_DESTROY(Tensor, TensorDescriptor)
CREATE_AND_DESTROY(Filter, FilterDescriptor)
CREATE_AND_DESTROY(Convolution, ConvolutionDescriptor)

API size_t cudnnGetVersion() { return 91900; }

API int cudnnSetStream(Handle* handle, void* stream) {
    ENTER();
    if (!software::is_stream(stream)) return call.refuse(BAD_PARAM, "not a stream of the current device");
    handle->stream = stream;
    return 0;
}

API int cudnnSetTensor4dDescriptor(Tensor* tensor, int format, int type, int n, int c, int h, int w) {
    ENTER();
    if (format != NHWC || (type != FLOAT && type != BFLOAT16)) return call.refuse(NOT_SUPPORTED, "format or type");
    if (n < 1 || c < 1 || h < 1 || w < 1) return call.refuse(BAD_PARAM, "sizes");
    *tensor = {type, n, c, h, w};
    return size(*tensor) >= size_t(1) << 31 ? call.refuse(NOT_SUPPORTED, "2^31 elements") : 0;
}

API int cudnnSetFilter4dDescriptor(Filter* filter, int type, int format, int k, int c, int h, int w) {
    ENTER();
    if (format != NHWC || (type != FLOAT && type != BFLOAT16)) return call.refuse(NOT_SUPPORTED, "format or type");
    if (k < 1 || c < 1 || h < 1 || w < 1) return call.refuse(BAD_PARAM, "sizes");
    *filter = {type, k, c, h, w};
    return 0;
}

API int cudnnSetConvolution2dDescriptor(
    Convolution* convolution, int pad_h, int pad_w, int u, int v, int dilation_h, int dilation_w, int mode, int compute) {
    ENTER();
    if (pad_h != pad_w || u != v || dilation_h != 1 || dilation_w != 1 || mode != CROSS_CORRELATION || compute != FLOAT) {
        return call.refuse(NOT_SUPPORTED, "the convolution");
    }
    *convolution = {pad_h, u, DEFAULT};
    return 0;
}

API int cudnnSetConvolutionMathType(Convolution* convolution, int math) {
    ENTER();
    convolution->math = math;
    return 0;
}

API int cudnnFindConvolutionForwardAlgorithmEx(
    Handle* handle, Tensor* xs, void* x, Filter* ws, void* w, Convolution* convolution, Tensor* ys, void* y,
    int capacity, int* count, Measured* results, void* workspace, size_t bytes) {
    ENTER();
    return find(call, FORWARD, handle, {{*xs, *ws, *convolution, *ys}, {x, w, y}}, capacity, count, results, workspace, bytes);
}

API int cudnnFindConvolutionBackwardDataAlgorithmEx(
    Handle* handle, Filter* ws, void* w, Tensor* ys, void* y, Convolution* convolution, Tensor* xs, void* x,
    int capacity, int* count, Measured* results, void* workspace, size_t bytes) {
    ENTER();
    return find(call, DATA, handle, {{*xs, *ws, *convolution, *ys}, {x, w, y}}, capacity, count, results, workspace, bytes);
}

API int cudnnFindConvolutionBackwardFilterAlgorithmEx(
    Handle* handle, Tensor* xs, void* x, Tensor* ys, void* y, Convolution* convolution, Filter* ws, void* w,
    int capacity, int* count, Measured* results, void* workspace, size_t bytes) {
    ENTER();
    return find(call, FILTER, handle, {{*xs, *ws, *convolution, *ys}, {x, w, y}}, capacity, count, results, workspace, bytes);
}

API int cudnnGetConvolutionForwardWorkspaceSize(
    Handle*, Tensor* x, Filter* w, Convolution* convolution, Tensor* y, int algorithm, size_t* bytes) {
    ENTER();
    *bytes = Problem{*x, *w, *convolution, *y}.workspace(algorithm);
    return 0;
}

API int cudnnGetConvolutionBackwardDataWorkspaceSize(
    Handle*, Filter* w, Tensor* y, Convolution* convolution, Tensor* x, int algorithm, size_t* bytes) {
    ENTER();
    *bytes = Problem{*x, *w, *convolution, *y}.workspace(algorithm);
    return 0;
}

API int cudnnGetConvolutionBackwardFilterWorkspaceSize(
    Handle*, Tensor* x, Tensor* y, Convolution* convolution, Filter* w, int algorithm, size_t* bytes) {
    ENTER();
    *bytes = Problem{*x, *w, *convolution, *y}.workspace(algorithm);
    return 0;
}

API int cudnnConvolutionForward(
    Handle* handle, const void* alpha, Tensor* xs, void* x, Filter* ws, void* w, Convolution* convolution,
    int algorithm, void* workspace, size_t bytes, const void* beta, Tensor* ys, void* y) {
    ENTER();
    return run(call, FORWARD, handle, {{*xs, *ws, *convolution, *ys}, {x, w, y}}, algorithm, workspace, bytes, alpha, beta);
}

API int cudnnConvolutionBackwardData(
    Handle* handle, const void* alpha, Filter* ws, void* w, Tensor* ys, void* y, Convolution* convolution,
    int algorithm, void* workspace, size_t bytes, const void* beta, Tensor* xs, void* x) {
    ENTER();
    return run(call, DATA, handle, {{*xs, *ws, *convolution, *ys}, {x, w, y}}, algorithm, workspace, bytes, alpha, beta);
}

API int cudnnConvolutionBackwardFilter(
    Handle* handle, const void* alpha, Tensor* xs, void* x, Tensor* ys, void* y, Convolution* convolution,
    int algorithm, void* workspace, size_t bytes, const void* beta, Filter* ws, void* w) {
    ENTER();
    return run(call, FILTER, handle, {{*xs, *ws, *convolution, *ys}, {x, w, y}}, algorithm, workspace, bytes, alpha, beta);
}

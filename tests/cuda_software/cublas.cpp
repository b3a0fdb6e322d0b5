// libcublas.so.13 of the software device: the calls of the program and of dfdx.

#include "device.h"
#include <memory>

namespace {

enum Status { NOT_INITIALIZED = 1, INVALID_VALUE = 7, EXECUTION_FAILED = 13, NOT_SUPPORTED = 15 };

struct Handle {
    void* stream = nullptr;
};

struct Matrix {
    const float* values;
    bool transposed;
    int leading;

    float at(int row, int column) const {
        return transposed ? values[size_t(row) * leading + column] : values[size_t(column) * leading + row];
    }
    /// Bytes of a matrix that is `rows` x `columns` after the transposition.
    size_t bytes(int rows, int columns) const {
        int stored_rows = transposed ? columns : rows, stored_columns = transposed ? rows : columns;
        return (size_t(stored_columns - 1) * leading + stored_rows) * sizeof(float);
    }
};

void multiply(int m, int n, int k, float alpha, Matrix a, Matrix b, float beta, float* c, int leading) {
    for (int column = 0; column < n; column++) {
        for (int row = 0; row < m; row++) {
            float sum = 0;
            for (int i = 0; i < k; i++) sum += a.at(row, i) * b.at(i, column);
            float& result = c[size_t(column) * leading + row];
            result = alpha * sum + (beta == 0 ? 0 : beta * result);
        }
    }
}

} // namespace

#define ENTER()                                                                                                        \
    software::Call call(__func__, true, NOT_INITIALIZED, EXECUTION_FAILED);                                            \
    if (call.status) return call.status

API int cublasCreate_v2(Handle** handle) {
    ENTER();
    *handle = new Handle;
    return 0;
}

API int cublasDestroy_v2(Handle* handle) {
    ENTER();
    delete handle;
    return 0;
}

API int cublasSetStream_v2(Handle* handle, void* stream) {
    ENTER();
    if (!software::is_stream(stream)) return call.refuse(INVALID_VALUE, "not a stream of the current device");
    handle->stream = stream;
    return 0;
}

API int cublasSetMathMode(Handle*, int mode) {
    ENTER();
    return mode == 0 ? 0 : call.refuse(NOT_SUPPORTED, "TF32");
}

API int cublasGetProperty(int property, int* value) {
    software::Call call(__func__, false, 0, 0);
    if (call.status) return call.status;
    *value = property == 0 ? 13 : 0;
    return 0;
}

API int cublasSgemm_v2(
    Handle* handle, int transpose_a, int transpose_b, int m, int n, int k, const float* alpha, const float* a, int lda,
    const float* b, int ldb, const float* beta, float* c, int ldc) {
    ENTER();
    if (m < 1 || n < 1 || k < 1 || lda < (transpose_a ? k : m) || ldb < (transpose_b ? n : k) || ldc < m) {
        return call.refuse(INVALID_VALUE, "sizes");
    }
    if (!software::is_stream(handle->stream)) return call.refuse(INVALID_VALUE, "a handle of another device");
    software::Stream& stream = software::stream_of(handle->stream);
    Matrix left{a, transpose_a != 0, lda}, right{b, transpose_b != 0, ldb}, result{c, false, ldc};
    bool all = software::is_memory(stream, a, left.bytes(m, k)) && software::is_memory(stream, b, right.bytes(k, n)) &&
               software::is_memory(stream, c, result.bytes(m, n));
    if (!all) return call.refuse(EXECUTION_FAILED, "a matrix outside of the device's memory");
    software::launched("cublasSgemm");
    software::enqueue(stream, [=, alpha = *alpha, beta = *beta] {
        multiply(m, n, k, alpha, left, right, beta, c, ldc);
    });
    return 0;
}

// Linked by dfdx, but not called for matrices of f32.
#define UNUSED(name)                                                                                                   \
    API int name() {                                                                                                   \
        ENTER();                                                                                                       \
        return call.refuse(NOT_SUPPORTED, "not part of the software device");                                          \
    }
UNUSED(cublasDgemmStridedBatched)
UNUSED(cublasDgemm_v2)
UNUSED(cublasDgemv_v2)
UNUSED(cublasGemmEx)
UNUSED(cublasGemmStridedBatchedEx)
UNUSED(cublasSgemmStridedBatched)
UNUSED(cublasSgemv_v2)

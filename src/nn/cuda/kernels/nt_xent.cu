// NT-Xent of z [rows, width], rows = 2n, rows i and i + n the two views of an image; as src/loss/contrast.rs.
//
// | step | kernel or product    | parameters in order                                            | grid                      |
// | ---- | -------------------- | -------------------------------------------------------------- | ------------------------- |
// | 1    | unit_rows            | const float* z, i32 rows, i32 width, float* u (may be z),      | (rows)                    |
// |      |                      | float* lengths [rows]                                          |                           |
// | 2    | cuBLAS               | s = u u' [rows, rows], not divided by the temperature          |                           |
// | 3    | nt_xent_rows         | const float* s, i32 rows, float temperature,                   | (rows)                    |
// |      |                      | float* largest, float* inverse_sum, float* positive,           |                           |
// |      |                      | float* other, float* loss ([rows] each)                        |                           |
// | 4    | nt_xent_measure      | const float* positive, const float* other, const float* loss,  | (1) exactly               |
// |      |                      | i32 rows, double temperature,                                  |                           |
// |      |                      | float* measured [3]: loss, accuracy, positive similarity       |                           |
// | 5    | nt_xent_weights      | const float* largest, const float* inverse_sum, i32 rows,      | (rows)                    |
// |      |                      | float temperature, float* s (becomes p + p' - 2 pairs)         |                           |
// | 6    | cuBLAS               | gradient [rows, width] = s u * upstream / (rows * temperature) |                           |
// | 7    | unit_rows_gradient   | const float* u, const float* lengths, i32 rows, i32 width,     | (rows)                    |
// |      |                      | float* gradient (of u, becomes that of z)                      |                           |
//
// For plain dot products leave out 1 and 7 and take z for u. Row i of the softmax is p(i, k) = exp(s(i, k) - largest(i))
// * inverse_sum(i), so p' needs no turned matrix: s is symmetric, and 5 makes both from one number in one pass. s must
// be made with full 32-bit floats (no TF32), as on the CPU.

/// Shorter vectors are divided by this.
constexpr float SHORTEST = 1e-6f;

KERNEL unit_rows(
    const float* z, int rows, int width, float* u, float* lengths) {
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        float sum = 0.0f;
        for (int i = threadIdx.x; i < width; i += THREADS) sum += z[row * width + i] * z[row * width + i];
        float length = sqrtf(block_reduce(sum, Sum()));
        if (length < SHORTEST) length = SHORTEST; // not fmaxf, which would hide a NaN
        for (int i = threadIdx.x; i < width; i += THREADS) u[row * width + i] = z[row * width + i] / length;
        if (threadIdx.x == 0) lengths[row] = length;
    }
}

KERNEL unit_rows_gradient(
    const float* u, const float* lengths, int rows, int width, float* gradient) {
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        const float* own = u + row * width;
        float *to = gradient + row * width, length = lengths[row], sum = 0.0f;
        for (int i = threadIdx.x; i < width; i += THREADS) sum += to[i] * own[i];
        sum = block_reduce(sum, Sum());
        float along = length > SHORTEST ? sum : 0.0f; // below it the divisor is a constant
        for (int i = threadIdx.x; i < width; i += THREADS) to[i] = (to[i] - along * own[i]) / length;
    }
}

__device__ inline long long pair_of_row(long long row, int rows) {
    return row < rows / 2 ? row + rows / 2 : row - rows / 2;
}

KERNEL nt_xent_rows(
    const float* s, int rows, float temperature, float* largest, float* inverse_sum, float* positive, float* other,
    float* loss) {
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        const float* own = s + row * rows;
        long long pair = pair_of_row(row, rows);
        float best = __uint_as_float(0xff800000u); // minus infinity
        for (int i = threadIdx.x; i < rows; i += THREADS) {
            if (i != row && i != pair) best = fmaxf(best, own[i] / temperature);
        }
        best = block_reduce(best, Max());
        float near = own[pair] / temperature, most = fmaxf(best, near), sum = 0.0f;
        for (int i = threadIdx.x; i < rows; i += THREADS) {
            if (i != row) sum += expf(own[i] / temperature - most);
        }
        sum = block_reduce(sum, Sum());
        if (threadIdx.x != 0) continue;
        largest[row] = most;
        inverse_sum[row] = 1.0f / sum;
        positive[row] = near;
        other[row] = best;
        loss[row] = most + logf(sum) - near;
    }
}

KERNEL nt_xent_measure(
    const float* positive, const float* other, const float* loss, int rows, double temperature, float* measured) {
    double losses = 0.0, positives = 0.0, right = 0.0;
    for (int row = threadIdx.x; row < rows; row += THREADS) {
        losses += loss[row];
        positives += positive[row];
        right += positive[row] > other[row] ? 1.0 : 0.0;
    }
    losses = block_reduce(losses, Sum());
    positives = block_reduce(positives, Sum());
    right = block_reduce(right, Sum());
    if (threadIdx.x != 0) return;
    measured[0] = static_cast<float>(losses / rows);
    measured[1] = static_cast<float>(right) / static_cast<float>(rows);
    measured[2] = static_cast<float>(positives / rows * temperature);
}

KERNEL nt_xent_weights(
    const float* largest, const float* inverse_sum, int rows, float temperature, float* s) {
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        float *own = s + row * rows, most = largest[row], part = inverse_sum[row];
        long long pair = pair_of_row(row, rows);
        for (int i = threadIdx.x; i < rows; i += THREADS) {
            float similarity = own[i] / temperature;
            float both = expf(similarity - most) * part + expf(similarity - largest[i]) * inverse_sum[i];
            own[i] = i == row ? 0.0f : i == pair ? both - 2.0f : both;
        }
    }
}

// NT-Xent of z [rows, width], rows = 2n, rows i and i + n the two views of an image; as in src/loss/nt_xent/cpu.rs.
//
// | step | kernel or matmul      | parameters in order                                            | grid        |
// | ---- | --------------------- | -------------------------------------------------------------- | ----------- |
// | 1    | l2_normalize          | const float* z, i32 rows, i32 width, float* u (may be z),      | (rows)      |
// |      |                       | float* norms [rows]                                            |             |
// | 2    | cuBLAS                | s = u u' [rows, rows], not divided by the temperature          |             |
// | 3    | nt_xent_rows          | const float* s, i32 rows, float temperature,                   | (rows)      |
// |      |                       | float* row_max, float* inverse_sum, float* positive,           |             |
// |      |                       | float* other, float* loss ([rows] each)                        |             |
// | 4    | nt_xent_metrics       | const float* positive, const float* other, const float* loss,  | (1) exactly |
// |      |                       | i32 rows, double temperature,                                  |             |
// |      |                       | float* metrics [3]: loss, accuracy, positive similarity        |             |
// | 5    | nt_xent_similarity_   | const float* row_max, const float* inverse_sum, i32 rows,      | (rows)      |
// |      | gradient              | float temperature, float* s (in place: p + p' - 2 pairs)       |             |
// | 6    | cuBLAS                | gradient [rows, width] = s u * upstream / (rows * temperature) |             |
// | 7    | l2_normalize_gradient | const float* u, const float* norms, i32 rows, i32 width,       | (rows)      |
// |      |                       | float* gradient (in place: of u to of z)                       |             |
//
// Plain dot products skip 1 and 7 and use z for u. Row i of the softmax is p(i, k) = exp(s(i, k) - row_max(i)) *
// inverse_sum(i), so p' needs no transposed matrix: s is symmetric, and 5 computes both from the same element in one
// pass. s must be computed in full f32 (no TF32), as on the CPU.

/// Divisor of vectors with a smaller norm.
constexpr float MIN_NORM = 1e-6f;

KERNEL l2_normalize(
    const float* z, int rows, int width, float* u, float* norms) {
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        float sum = 0.0f;
        for (int i = threadIdx.x; i < width; i += THREADS) sum += z[row * width + i] * z[row * width + i];
        float norm = sqrtf(block_reduce(sum, Sum()));
        if (norm < MIN_NORM) norm = MIN_NORM; // not fmaxf, which would drop NaN
        for (int i = threadIdx.x; i < width; i += THREADS) u[row * width + i] = z[row * width + i] / norm;
        if (threadIdx.x == 0) norms[row] = norm;
    }
}

KERNEL l2_normalize_gradient(
    const float* u, const float* norms, int rows, int width, float* gradient) {
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        const float* own = u + row * width;
        float *to = gradient + row * width, norm = norms[row], sum = 0.0f;
        for (int i = threadIdx.x; i < width; i += THREADS) sum += to[i] * own[i];
        sum = block_reduce(sum, Sum());
        float projection = norm > MIN_NORM ? sum : 0.0f; // below it the divisor is constant
        for (int i = threadIdx.x; i < width; i += THREADS) to[i] = (to[i] - projection * own[i]) / norm;
    }
}

__device__ inline long long pair_of_row(long long row, int rows) {
    return row < rows / 2 ? row + rows / 2 : row - rows / 2;
}

KERNEL nt_xent_rows(
    const float* s, int rows, float temperature, float* row_max, float* inverse_sum, float* positive, float* other,
    float* loss) {
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        const float* own = s + row * rows;
        long long pair = pair_of_row(row, rows);
        float best = __uint_as_float(0xff800000u); // minus infinity
        for (int i = threadIdx.x; i < rows; i += THREADS) {
            if (i != row && i != pair) best = fmaxf(best, own[i] / temperature);
        }
        best = block_reduce(best, Max());
        float pair_similarity = own[pair] / temperature, max = fmaxf(best, pair_similarity), sum = 0.0f;
        for (int i = threadIdx.x; i < rows; i += THREADS) {
            if (i != row) sum += expf(own[i] / temperature - max);
        }
        sum = block_reduce(sum, Sum());
        if (threadIdx.x != 0) continue;
        row_max[row] = max;
        inverse_sum[row] = 1.0f / sum;
        positive[row] = pair_similarity;
        other[row] = best;
        loss[row] = max + logf(sum) - pair_similarity;
    }
}

KERNEL nt_xent_metrics(
    const float* positive, const float* other, const float* loss, int rows, double temperature, float* metrics) {
    double losses = 0.0, positives = 0.0, correct = 0.0;
    for (int row = threadIdx.x; row < rows; row += THREADS) {
        losses += loss[row];
        positives += positive[row];
        correct += positive[row] > other[row] ? 1.0 : 0.0;
    }
    losses = block_reduce(losses, Sum());
    positives = block_reduce(positives, Sum());
    correct = block_reduce(correct, Sum());
    if (threadIdx.x != 0) return;
    metrics[0] = static_cast<float>(losses / rows);
    metrics[1] = static_cast<float>(correct) / static_cast<float>(rows);
    metrics[2] = static_cast<float>(positives / rows * temperature);
}

KERNEL nt_xent_similarity_gradient(
    const float* row_max, const float* inverse_sum, int rows, float temperature, float* s) {
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        float *own = s + row * rows, own_max = row_max[row], own_inverse_sum = inverse_sum[row];
        long long pair = pair_of_row(row, rows);
        for (int i = threadIdx.x; i < rows; i += THREADS) {
            float similarity = own[i] / temperature;
            float sum = expf(similarity - own_max) * own_inverse_sum + expf(similarity - row_max[i]) * inverse_sum[i];
            own[i] = i == row ? 0.0f : i == pair ? sum - 2.0f : sum;
        }
    }
}

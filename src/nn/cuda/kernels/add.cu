// Sums of two vectors: gradients of shards and ranks.
//
// | kernel | parameters in order                               | grid                       |
// | ------ | ------------------------------------------------- | -------------------------- |
// | add    | const float* from, i64 length, float* to (+= from) | ceil(length / 256), at     |
// |        |                                                   | most 16384                 |

KERNEL add(
    const float* __restrict__ from, long long length, float* __restrict__ to) {
    for (long long i = first_index(); i < length; i += index_step()) to[i] += from[i];
}

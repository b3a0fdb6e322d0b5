// A CUDA device in software: what libcuda's stand-in offers to those of cuBLAS, cuDNN and NVRTC and to the kernels.
//
// Work is queued per stream and runs as late as the program allows: when a call waits for it. Memory is inaccessible
// before its allocation and after its release is reached in stream order, and new memory is NaN. A missing wait thus
// reads NaN or ends the process, on every run.

#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

namespace software {

#define SHARED __attribute__((visibility("default")))

struct Device;
struct Stream;

/// A call of an entry point, which holds the lock of the whole device software.
class SHARED Call {
public:
    /// Counts the call, injects the failure that the environment asks for, and checks that the thread has a context
    /// if one is needed.
    Call(const char* function, bool needs_context, int without_context, int device_failed);
    ~Call();
    Call(const Call&) = delete;

    /// The status with which to return at once, or 0.
    int status;

    /// Reports that the program made an invalid call; returns the status.
    int refuse(int with, const std::string& why) const;

private:
    const char* function;
};

/// Returns the stream of a handle; null is the default stream of the current context.
SHARED Stream& stream_of(void* handle);
/// Returns whether a handle names a stream of the current device.
SHARED bool is_stream(void* handle);
/// Returns whether all bytes lie in one living block of the stream's device.
SHARED bool is_memory(const Stream& stream, const void* address, size_t bytes);
/// Queues work.
SHARED void enqueue(Stream& stream, std::function<void()> work);
/// Returns the memory that is neither used nor kept by the pool, bytes.
SHARED size_t unreserved();

/// Counts a launch for the report.
SHARED void launched(const std::string& kernel);

/// A kernel with the arguments of one launch.
struct Prepared {
    /// Runs it: blocks in x, y and z, and threads per block.
    std::function<void(const unsigned (&grid)[3], unsigned threads)> run;
    /// Its pointer arguments.
    std::vector<const void*> pointers;
};

} // namespace software

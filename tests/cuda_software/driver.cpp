// libcuda.so.1 of the software device: devices, contexts, streams and events. memory.cpp and modules.cpp have the rest,
// and are compiled with this file as one.

#include "blocks.h"
#include "entry.h"

namespace software {

constexpr int MAX_DEVICES = sizeof devices / sizeof *devices;

/// Returns the numbers that SOFTWARE_DEVICES (2 by default) and CUDA_VISIBLE_DEVICES leave, by ordinal.
static const std::vector<int>& visible() {
    static const std::vector<int> numbers = [] {
        const char *count = std::getenv("SOFTWARE_DEVICES"), *chosen = std::getenv("CUDA_VISIBLE_DEVICES");
        int all = std::min(count ? std::atoi(count) : 2, MAX_DEVICES);
        std::vector<int> numbers;
        std::stringstream list(chosen ? chosen : "");
        for (std::string number; chosen && std::getline(list, number, ',') && std::atoi(number.c_str()) < all;) {
            numbers.push_back(std::atoi(number.c_str()));
        }
        for (int i = 0; !chosen && i < all; i++) numbers.push_back(i);
        return numbers;
    }();
    return numbers;
}

static void report() {
    const char* path = std::getenv("SOFTWARE_REPORT");
    FILE* file = path ? std::fopen(path, "a") : nullptr;
    if (!file) return;
    for (auto& [name, count] : calls) std::fprintf(file, "function %s %llu\n", name.c_str(), (long long)count);
    for (auto& [name, count] : launches) std::fprintf(file, "kernel %s %llu\n", name.c_str(), (long long)count);
    for (auto& [what, status] : refusals) std::fprintf(file, "refused %s (%s)\n", what.c_str(), status.c_str());
    if (injected) std::fprintf(file, "injected %llu\n", (long long)injected);
    std::fclose(file);
}

struct AtExit { ~AtExit() { report(); } };
static AtExit at_exit;

} // namespace software

using namespace software;

API int cuInit(unsigned) {
    ENTER(false);
    if (!initialized) reserve_space();
    initialized = true;
    return 0;
}

API int cuDriverGetVersion(int* version) {
    ENTER(false);
    *version = 13000;
    return 0;
}

API int cuDeviceGetCount(int* count) {
    ENTER(false);
    *count = static_cast<int>(visible().size());
    return 0;
}

API int cuDeviceGet(int* device, int ordinal) {
    ENTER(false);
    if (ordinal < 0 || size_t(ordinal) >= visible().size()) return INVALID_DEVICE;
    *device = ordinal;
    return 0;
}

API int cuDeviceGetName(char* name, int length, int device) {
    ENTER(false);
    std::snprintf(name, static_cast<size_t>(length), "software device %d", device);
    return 0;
}

API int cuDeviceGetUuid_v2(unsigned char (*uuid)[16], int device) {
    ENTER(false);
    std::memset(*uuid, visible()[size_t(device)], sizeof *uuid);
    return 0;
}

API int cuDeviceGetAttribute(int* value, int attribute, int) {
    ENTER(false);
    switch (attribute) {
        case 16: *value = 16; return 0; // multiprocessors
        case 75: *value = 9; return 0;  // compute capability, major
        case 76: *value = 0; return 0;  // minor
        case 115: *value = 1; return 0; // memory pools
        default: return call.refuse(NOT_SUPPORTED, "attribute " + std::to_string(attribute));
    }
}

API int cuDeviceTotalMem_v2(size_t* bytes, int) {
    ENTER(false);
    *bytes = total_memory();
    return 0;
}

API int cuDevicePrimaryCtxRetain(void** context, int device) {
    ENTER(false);
    *context = &devices[device];
    return devices[device].failed;
}

API int cuDevicePrimaryCtxRelease_v2(int) {
    ENTER(false);
    return 0;
}

API int cuCtxGetCurrent(void** context) {
    ENTER(false);
    *context = current;
    return 0;
}

API int cuCtxSetCurrent(void* context) {
    ENTER(false);
    current = static_cast<Device*>(context);
    return current ? current->failed : 0;
}

API int cuCtxSynchronize() {
    ENTER(true);
    run_all(*current);
    return current->failed;
}

API int cuMemGetInfo_v2(size_t* free, size_t* total) {
    ENTER(true);
    *free = unreserved();
    *total = total_memory();
    return 0;
}

API int cuStreamCreate(void** handle, unsigned flags) {
    ENTER(true);
    if (flags != 1) return call.refuse(NOT_SUPPORTED, "a stream that waits for the default stream");
    streams.push_back({current, {}});
    *handle = &streams.back();
    return 0;
}

API int cuStreamDestroy_v2(void* handle) {
    ENTER_STREAM(handle);
    stream.destroyed = true;
    return 0;
}

API int cuStreamSynchronize(void* handle) {
    ENTER_STREAM(handle);
    finish(stream, stream.queued);
    return stream.device->failed;
}

API int cuEventCreate(void** handle, unsigned) {
    ENTER(true);
    events.push_back({current});
    *handle = &events.back();
    return 0;
}

API int cuEventDestroy_v2(void* handle) {
    ENTER(true);
    auto* event = static_cast<Event*>(handle);
    if (event->destroyed) return call.refuse(INVALID_HANDLE, "an event that was destroyed");
    event->destroyed = true;
    return 0;
}

API int cuEventRecord(void* handle, void* on) {
    ENTER_STREAM(on);
    auto* event = static_cast<Event*>(handle);
    if (event->destroyed || event->device != current) return call.refuse(INVALID_HANDLE, "not an event of the device");
    event->stream = &stream;
    event->position = stream.queued;
    return 0;
}

API int cuEventSynchronize(void* handle) {
    ENTER(true);
    auto* event = static_cast<Event*>(handle);
    if (event->stream) finish(*event->stream, event->position);
    return current->failed;
}

API int cuStreamWaitEvent(void* handle, void* awaited, unsigned) {
    ENTER_STREAM(handle);
    auto* event = static_cast<Event*>(awaited);
    if (event->destroyed) return call.refuse(INVALID_HANDLE, "an event that was destroyed");
    if (event->stream) add(stream, {event->stream, event->position, {}});
    return 0;
}

API int cuGetErrorName(int, const char** text) {
    *text = "a status of the software device";
    return 0;
}

API int cuGetErrorString(int, const char** text) { return cuGetErrorName(0, text); }

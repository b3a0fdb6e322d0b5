// libcuda.so.1 of the software device: contexts, memory, streams, events and modules.

#include "blocks.h"

namespace software {

// Modules.

static std::string directory() {
    Dl_info info;
    if (!dladdr(reinterpret_cast<void*>(&directory), &info)) stop("the directory of libcuda is unknown");
    std::string path = info.dli_fname;
    return path.substr(0, path.rfind('/'));
}

static Module* load(const char* image) {
    if (std::strncmp(image, "software ", 9) != 0) return nullptr;
    std::string name(image + 9, std::strcspn(image + 9, "\n"));
    void* library = dlopen((directory() + "/kernels_" + name + ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        std::fprintf(stderr, "software device: %s\n", dlerror());
        return nullptr;
    }
    auto* loaded = new Module{name, library, {}};
    modules.insert(loaded);
    return loaded;
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

#define ENTER(needs_context)                                                                                           \
    Call call(__func__, needs_context, INVALID_CONTEXT, 0);                                                            \
    if (call.status) return call.status

#define ENTER_STREAM(handle)                                                                                           \
    ENTER(true);                                                                                                       \
    if (!is_stream(handle)) return call.refuse(INVALID_HANDLE, "not a stream of the current device");                  \
    Stream& stream = stream_of(handle)

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
    *count = 2;
    return 0;
}

API int cuDeviceGet(int* device, int ordinal) {
    ENTER(false);
    if (ordinal < 0 || ordinal > 1) return INVALID_DEVICE;
    *device = ordinal;
    return 0;
}

API int cuDeviceGetName(char* name, int length, int device) {
    ENTER(false);
    std::snprintf(name, static_cast<size_t>(length), "software device %d", device);
    return 0;
}

API int cuDeviceGetAttribute(int* value, int attribute, int) {
    ENTER(false);
    switch (attribute) {
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

API int cuMemGetInfo_v2(size_t* free, size_t* total) {
    ENTER(true);
    *free = unreserved();
    *total = total_memory();
    return 0;
}

API int cuDeviceGetDefaultMemPool(void** pool, int device) {
    ENTER(false);
    *pool = &devices[device];
    return 0;
}

API int cuMemPoolSetAttribute(void*, int attribute, void*) {
    ENTER(false);
    return attribute == 4 ? 0 : call.refuse(NOT_SUPPORTED, "attribute of a pool");
}

API int cuMemPoolGetAttribute(void* pool, int attribute, void* value) {
    ENTER(false);
    auto* device = static_cast<Device*>(pool);
    if (attribute != 5 && attribute != 7) return call.refuse(NOT_SUPPORTED, "attribute of a pool");
    *static_cast<uint64_t*>(value) = attribute == 5 ? device->reserved : device->used;
    return 0;
}

API int cuMemPoolTrimTo(void* pool, size_t bytes) {
    ENTER(false);
    auto* device = static_cast<Device*>(pool);
    device->reserved = std::max(device->used, std::min(bytes, device->reserved));
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

API int cuMemAllocAsync(uintptr_t* address, size_t bytes, void* on) {
    ENTER_STREAM(on);
    *address = allocate(stream, bytes);
    return *address ? 0 : OUT_OF_MEMORY;
}

API int cuMemFreeAsync(uintptr_t address, void* on) {
    ENTER_STREAM(on);
    return release(stream, address) ? 0 : call.refuse(INVALID_VALUE, "not a block of the current device");
}

API int cuMemsetD8Async(uintptr_t address, unsigned char value, size_t bytes, void* on) {
    ENTER_STREAM(on);
    auto* to = reinterpret_cast<void*>(address);
    if (!is_memory(stream, to, bytes)) return call.refuse(INVALID_VALUE, "not memory of the device");
    enqueue(stream, [=] { std::memset(to, value, bytes); });
    return 0;
}

API int cuMemcpyHtoDAsync_v2(uintptr_t address, const void* from, size_t bytes, void* on) {
    ENTER_STREAM(on);
    auto* to = reinterpret_cast<void*>(address);
    if (!is_memory(stream, to, bytes)) return call.refuse(INVALID_VALUE, "not memory of the device");
    upload(stream, to, from, bytes);
    return 0;
}

API int cuMemcpyDtoHAsync_v2(void* to, uintptr_t address, size_t bytes, void* on) {
    ENTER_STREAM(on);
    auto* from = reinterpret_cast<const void*>(address);
    if (!is_memory(stream, from, bytes)) return call.refuse(INVALID_VALUE, "not memory of the device");
    enqueue(stream, [=] { std::memcpy(to, from, bytes); });
    return 0;
}

API int cuMemcpyDtoDAsync_v2(uintptr_t into, uintptr_t address, size_t bytes, void* on) {
    ENTER_STREAM(on);
    auto* to = reinterpret_cast<void*>(into);
    auto* from = reinterpret_cast<const void*>(address);
    if (!is_memory(stream, from, bytes) || !is_memory(stream, to, bytes)) {
        return call.refuse(INVALID_VALUE, "not memory of the device");
    }
    enqueue(stream, [=] { std::memmove(to, from, bytes); });
    return 0;
}

API int cuMemHostAlloc(void** memory, size_t bytes, unsigned) {
    ENTER(true);
    *memory = std::aligned_alloc(PAGE, (bytes + PAGE - 1) / PAGE * PAGE);
    if (!*memory) return OUT_OF_MEMORY;
    pinned[reinterpret_cast<uintptr_t>(*memory)] = bytes;
    return 0;
}

API int cuMemFreeHost(void* memory) {
    ENTER(true);
    if (!pinned.erase(reinterpret_cast<uintptr_t>(memory))) return call.refuse(INVALID_VALUE, "not pinned memory");
    // NVIDIA's driver waits for transfers of the memory.
    run_others(*current);
    std::free(memory);
    return 0;
}

API int cuModuleLoadData(void** handle, const void* image) {
    ENTER(true);
    *handle = load(static_cast<const char*>(image));
    return *handle ? 0 : call.refuse(INVALID_IMAGE, "not an image of the software device");
}

API int cuModuleGetFunction(void** handle, void* module, const char* name) {
    ENTER(true);
    if (!modules.count(module)) return call.refuse(INVALID_HANDLE, "not a module");
    auto* loaded = static_cast<Module*>(module);
    void* symbol = dlsym(loaded->library, (std::string("prepare_") + name).c_str());
    if (!symbol) return call.refuse(NOT_FOUND, name);
    loaded->functions[name] = {name, reinterpret_cast<Prepared* (*)(void**)>(symbol)};
    *handle = &loaded->functions[name];
    return 0;
}

API int cuModuleUnload(void*) {
    ENTER(true);
    return 0;
}

API int cuLaunchKernel(
    void* handle, unsigned x, unsigned y, unsigned z, unsigned width, unsigned height, unsigned depth, unsigned shared,
    void* on, void** parameters, void**) {
    Call call(__func__, true, INVALID_CONTEXT, 0);
    if (call.status && !(current && ends_context(call.status))) return call.status;
    if (!is_stream(on)) return call.refuse(INVALID_HANDLE, "not a stream of the current device");
    Stream& stream = stream_of(on);
    if (stream.device->failed) return stream.device->failed;
    if (call.status) {
        // A kernel that fails: the next wait finds out.
        enqueue(stream, [&stream, status = call.status] { stream.device->failed = status; });
        return 0;
    }
    auto* function = static_cast<Function*>(handle);
    if (!x || !y || !z || y > 65535 || z > 65535 || height != 1 || depth != 1 || width > 1024 || shared > 49152) {
        return call.refuse(INVALID_VALUE, "grid or block of " + function->name);
    }
    std::shared_ptr<Prepared> prepared(function->prepare(parameters));
    for (const void* pointer : prepared->pointers) {
        if (pointer && !is_memory(stream, pointer, 1)) {
            return call.refuse(ILLEGAL_ADDRESS, "a pointer to " + function->name);
        }
    }
    launched(function->name);
    enqueue(stream, [=] { prepared->run({x, y, z}, width); });
    return 0;
}

API int cuGetErrorName(int, const char** text) {
    *text = "a status of the software device";
    return 0;
}

API int cuGetErrorString(int, const char** text) { return cuGetErrorName(0, text); }

// Linked by dfdx, but not called where a device has memory pools.
#define UNUSED(name)                                                                                                   \
    API int name() {                                                                                                   \
        ENTER(false);                                                                                                  \
        return call.refuse(NOT_SUPPORTED, "not part of the software device");                                          \
    }
UNUSED(cuMemAlloc_v2)
UNUSED(cuMemFree_v2)
UNUSED(cuMemcpyDtoD_v2)
UNUSED(cuMemcpyDtoH_v2)
UNUSED(cuMemcpyHtoD_v2)
UNUSED(cuMemsetD8_v2)
UNUSED(cuModuleLoad)

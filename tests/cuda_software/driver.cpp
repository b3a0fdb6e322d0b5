// libcuda.so.1 of the software device: contexts, memory, streams, events and modules.

#include "device.h"
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <dlfcn.h>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <sstream>
#include <sys/mman.h>
#include <unistd.h>

namespace software {

enum Status {
    INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_DEVICE = 101, INVALID_IMAGE = 200, INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700, TIMEOUT = 702, MISALIGNED = 716, LAUNCH_FAILED = 719,
    NOT_SUPPORTED = 801,
};

constexpr size_t PAGE = 4096, ALIGNMENT = 256, SPACE = size_t(1) << 40;
/// Uploads of more bytes than this from pageable memory read it when they run.
constexpr size_t COPIED_AT_ONCE = 256;

struct Stream {
    struct Operation {
        Stream* waits_for; // or null
        uint64_t position;
        std::function<void()> work;
    };
    Device* device;
    std::deque<Operation> queue = {};
    uint64_t queued = 0, done = 0;
    bool destroyed = false;
};

struct Event {
    Device* device;
    Stream* stream = nullptr; // null before the first record
    uint64_t position = 0;
    bool destroyed = false;
};

struct Device {
    int ordinal;
    int failed = 0; // the status of every call after an error that ends the context
    Stream null{this, {}};
    size_t used = 0, reserved = 0;
    std::map<uintptr_t, size_t> blocks = {};
};

struct Function {
    std::string name;
    Prepared* (*prepare)(void**);
};

struct Module {
    std::string name;
    void* library;
    std::map<std::string, Function> functions;
};

static std::recursive_mutex lock;
static Device devices[2] = {{0}, {1}};
static std::deque<Stream> streams;
static std::deque<Event> events;
static std::set<const void*> modules;
static std::map<uintptr_t, size_t> pinned;
static std::map<std::string, uint64_t> calls, launches;
static std::map<std::string, std::string> refusals;
static uint64_t injected = 0;
static bool initialized = false;
static thread_local Device* current = nullptr;
static char* space = nullptr;
static size_t space_used = 0;

static size_t total_memory() {
    const char* bytes = std::getenv("SOFTWARE_MEMORY");
    return bytes ? std::strtoull(bytes, nullptr, 10) : size_t(4) << 30;
}

/// SOFTWARE_FAIL=FUNCTION:N:STATUS makes the N-th call of a function fail.
static int injected_failure(const std::string& function, uint64_t count) {
    static const std::string wanted = std::getenv("SOFTWARE_FAIL") ? std::getenv("SOFTWARE_FAIL") : "";
    std::string prefix = function + ":" + std::to_string(count) + ":";
    if (wanted.compare(0, prefix.size(), prefix) != 0) return 0;
    injected++;
    return std::atoi(wanted.c_str() + prefix.size());
}

static bool ends_context(int status) {
    return status == ILLEGAL_ADDRESS || status == TIMEOUT || status == MISALIGNED || status == LAUNCH_FAILED;
}

[[noreturn]] static void stop(const std::string& why) {
    std::fprintf(stderr, "software device: %s\n", why.c_str());
    std::fflush(stderr);
    _exit(86);
}

Call::Call(const char* function, bool needs_context, int without_context, int device_failed) : function(function) {
    lock.lock();
    status = injected_failure(function, ++calls[function]);
    // That a kernel has failed is found out later.
    if (current && ends_context(status) && std::strcmp(function, "cuLaunchKernel") != 0) current->failed = status;
    if (status || !needs_context) return;
    if (!current) status = refuse(without_context, "no context is current in this thread");
    else if (current->failed) status = device_failed ? device_failed : current->failed;
}

Call::~Call() { lock.unlock(); }

int Call::refuse(int with, const std::string& why) const {
    refusals[std::string(function) + ": " + why] = std::to_string(with);
    return with;
}

Stream& stream_of(void* handle) { return handle ? *static_cast<Stream*>(handle) : current->null; }

bool is_stream(void* handle) {
    if (!handle) return true;
    for (const Stream& stream : streams) {
        if (&stream == handle) return !stream.destroyed && stream.device == current;
    }
    return false;
}

bool is_memory(const Stream& stream, const void* address, size_t bytes) {
    auto at = reinterpret_cast<uintptr_t>(address);
    auto block = stream.device->blocks.upper_bound(at);
    if (block == stream.device->blocks.begin()) return false;
    --block;
    return at + bytes <= block->first + block->second;
}

size_t unreserved() { return total_memory() - current->reserved; }

void launched(const std::string& kernel) { launches[kernel]++; }

// Streams.

static void run_to(Stream& stream, uint64_t position) {
    while (stream.done < position && !stream.queue.empty()) {
        Stream::Operation next = std::move(stream.queue.front());
        stream.queue.pop_front();
        if (next.waits_for) run_to(*next.waits_for, next.position);
        if (next.work) next.work();
        stream.done++;
    }
}

static void run_others(Device& device) {
    run_to(device.null, device.null.queued);
    for (Stream& stream : streams) run_to(stream, stream.queued);
}

/// SOFTWARE_SCHEDULE: `late` (the default) runs what a wait needs, `others` everything on other streams first, a number
/// seeds a random choice at every call.
static void finish(Stream& stream, uint64_t position) {
    static const char* schedule = std::getenv("SOFTWARE_SCHEDULE");
    if (schedule && !std::strcmp(schedule, "others")) {
        for (Stream& other : streams) if (&other != &stream) run_to(other, other.queued);
        if (&stream != &stream.device->null) run_to(stream.device->null, stream.device->null.queued);
    }
    run_to(stream, position);
}

static void add(Stream& stream, Stream::Operation operation) {
    static const char* schedule = std::getenv("SOFTWARE_SCHEDULE");
    static std::mt19937 random(schedule ? std::atoi(schedule) : 0);
    stream.queue.push_back(std::move(operation));
    stream.queued++;
    if (!schedule || std::atoi(schedule) == 0 || random() % 4) return;
    size_t index = random() % (streams.size() + 1);
    Stream& other = index == streams.size() ? stream.device->null : streams[index];
    run_to(other, other.done + 1 + random() % 8);
}

void enqueue(Stream& stream, std::function<void()> work) {
    // After an error that ends the context nothing runs any more.
    add(stream, {nullptr, 0, [&stream, work = std::move(work)] { if (!stream.device->failed) work(); }});
}

// Memory.

static void segmentation_fault(int, siginfo_t* info, void*) {
    auto at = static_cast<char*>(info->si_addr);
    const char* where = space && at >= space && at < space + SPACE
        ? "memory of the device that is not allocated at this point of its stream"
        : "memory of the host that does not exist";
    // The stack for signals is too small for stdio's buffers.
    static char text[200];
    int length = std::snprintf(text, sizeof text, "software device: access to %s (%p)\n", where, info->si_addr);
    if (write(2, text, static_cast<size_t>(length)) < 0) _exit(87);
    _exit(86);
}

static void reserve_space() {
    void* mapped = mmap(nullptr, SPACE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) stop("no address space");
    space = static_cast<char*>(mapped);
    struct sigaction action = {};
    action.sa_sigaction = segmentation_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, nullptr);
}

/// Makes a block accessible and fills it with NaN; of a large one, the first and the last MiB.
static void make_accessible(char* pages, size_t length) {
    if (mprotect(pages, length, PROT_READ | PROT_WRITE)) stop("no memory");
    size_t part = size_t(1) << 20;
    if (length <= 16 * part) part = length;
    std::memset(pages, 0xff, part);
    std::memset(pages + length - part, 0xff, part);
}

static void make_inaccessible(char* pages, size_t length) {
    void* mapped =
        mmap(pages, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (mapped == MAP_FAILED) stop("memory cannot be released");
}

/// The pages of a block, which ends where they end: the page after it is never accessible.
static std::pair<char*, size_t> pages_of(uintptr_t block, size_t bytes) {
    uintptr_t begin = block / PAGE * PAGE, end = (block + bytes + PAGE - 1) / PAGE * PAGE;
    return {reinterpret_cast<char*>(begin), end - begin};
}

static uintptr_t allocate(Stream& stream, size_t bytes) {
    Device& device = *stream.device;
    bytes = (bytes ? bytes : 1) + ALIGNMENT - 1;
    bytes = bytes / ALIGNMENT * ALIGNMENT;
    if (device.used + bytes > total_memory()) return 0;
    size_t length = (bytes + PAGE - 1) / PAGE * PAGE;
    if (space_used + length + PAGE > SPACE) stop("the address space is used up");
    char* pages = space + space_used;
    space_used += length + PAGE;
    auto block = reinterpret_cast<uintptr_t>(pages) + length - bytes;
    device.blocks[block] = bytes;
    device.used += bytes;
    if (device.reserved < device.used) device.reserved = device.used;
    enqueue(stream, [pages, length] { make_accessible(pages, length); });
    return block;
}

static bool release(Stream& stream, uintptr_t block) {
    Device& device = *stream.device;
    auto found = device.blocks.find(block);
    if (found == device.blocks.end()) return false;
    auto [pages, length] = pages_of(block, found->second);
    device.used -= found->second;
    device.blocks.erase(found);
    enqueue(stream, [pages = pages, length = length] { make_inaccessible(pages, length); });
    return true;
}

static bool is_pinned(const void* address, size_t bytes) {
    auto at = reinterpret_cast<uintptr_t>(address);
    auto block = pinned.upper_bound(at);
    if (block == pinned.begin()) return false;
    --block;
    return at + bytes <= block->first + block->second;
}

/// Queues an upload. Pageable memory may be read at any time before the stream is waited for, so it must not change.
static void upload(Stream& stream, void* to, const void* from, size_t bytes) {
    if (is_pinned(from, bytes)) {
        enqueue(stream, [=] { std::memcpy(to, from, bytes); });
        return;
    }
    auto bytes_now = static_cast<const char*>(from);
    auto copy = std::make_shared<std::vector<char>>(bytes_now, bytes_now + bytes);
    enqueue(stream, [=] {
        if (bytes > COPIED_AT_ONCE && std::memcmp(copy->data(), from, bytes) != 0) {
            stop("memory of the host was changed before its upload had finished");
        }
        std::memcpy(to, copy->data(), bytes);
    });
}

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

// What the driver of the software device knows, and the queues of its streams.

#pragma once
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
static Device devices[4] = {{0}, {1}, {2}, {3}};
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

static void run_all(Device& device) {
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

} // namespace software

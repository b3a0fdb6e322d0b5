// Memory of the software device: pages that are accessible only while their block lives in the order of its stream. With
// AddressSanitizer, the bytes of these pages beside the block are not accessible either.

#pragma once
#include "streams.h"
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(begin, bytes) ((void)(begin), (void)(bytes))
#endif

namespace software {

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

/// Makes a block accessible and fills its pages with NaN; of a large one, the first and the last MiB.
static void make_accessible(char* pages, size_t length, char* block, size_t bytes) {
    if (mprotect(pages, length, PROT_READ | PROT_WRITE)) stop("no memory");
    size_t part = size_t(1) << 20;
    if (length <= 16 * part) part = length;
    std::memset(pages, 0xff, part);
    std::memset(pages + length - part, 0xff, part);
    ASAN_POISON_MEMORY_REGION(pages, static_cast<size_t>(block - pages));
    ASAN_POISON_MEMORY_REGION(block + bytes, static_cast<size_t>(pages + length - (block + bytes)));
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
    size_t asked_for = bytes;
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
    enqueue(stream, [=] { make_accessible(pages, length, reinterpret_cast<char*>(block), asked_for); });
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

} // namespace software

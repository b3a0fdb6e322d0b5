// libcuda.so.1 of the software device: memory and copies.

#include "blocks.h"
#include "entry.h"

using namespace software;

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
    run_all(*current);
    std::free(memory);
    return 0;
}

UNUSED(cuMemAlloc_v2)
UNUSED(cuMemFree_v2)
UNUSED(cuMemcpyDtoD_v2)
UNUSED(cuMemcpyDtoH_v2)
UNUSED(cuMemcpyHtoD_v2)
UNUSED(cuMemsetD8_v2)

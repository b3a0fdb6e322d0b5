// libcuda.so.1 of the software device: modules and kernels.

#include "entry.h"

namespace software {

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

} // namespace software

using namespace software;

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

API int cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, void*, int width, size_t shared, unsigned) {
    ENTER(true);
    if (width < 1 || width > 1024 || shared) return call.refuse(INVALID_VALUE, "a block");
    *blocks = 2;
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

UNUSED(cuModuleLoad)

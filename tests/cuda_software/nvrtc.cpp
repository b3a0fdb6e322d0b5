// libnvrtc.so.13 of the software device. The kernels are compiled for the host beforehand, so an image is their name.

#include <cstdio>
#include <cstring>
#include <string>
#include "device.h"

namespace {

enum Status { INVALID_INPUT = 3, COMPILATION = 6 };

struct Program {
    std::string source, log;
    bool compiled = false;
};

const char IMAGE[] = "software simclr\n";

} // namespace

#define ENTER()                                                                                                        \
    software::Call call(__func__, false, 0, 0);                                                                        \
    if (call.status) return call.status

API int nvrtcVersion(int* major, int* minor) {
    ENTER();
    *major = 13;
    *minor = 0;
    return 0;
}

API int nvrtcGetNumSupportedArchs(int* count) {
    ENTER();
    *count = 2;
    return 0;
}

API int nvrtcGetSupportedArchs(int* architectures) {
    ENTER();
    architectures[0] = 80;
    architectures[1] = 90;
    return 0;
}

API int nvrtcCreateProgram(
    Program** program, const char* source, const char*, int headers, const char* const*, const char* const*) {
    ENTER();
    if (headers) return call.refuse(INVALID_INPUT, "headers");
    *program = new Program{source, {}};
    return 0;
}

API int nvrtcDestroyProgram(Program** program) {
    ENTER();
    delete *program;
    *program = nullptr;
    return 0;
}

API int nvrtcCompileProgram(Program* program, int count, const char* const* options) {
    software::Call call(__func__, false, 0, 0);
    if (call.status) {
        program->log = "an injected failure";
        return call.status;
    }
    for (int i = 0; i < count; i++) {
        if (!std::strcmp(options[i], "--gpu-architecture=sm_90")) program->compiled = true;
    }
    if (!program->compiled) return call.refuse(COMPILATION, "another architecture than the device's");
    return 0;
}

API int nvrtcGetProgramLogSize(Program* program, size_t* size) {
    ENTER();
    *size = program->log.size() + 1;
    return 0;
}

API int nvrtcGetProgramLog(Program* program, char* log) {
    ENTER();
    std::strcpy(log, program->log.c_str());
    return 0;
}

API int nvrtcGetCUBINSize(Program* program, size_t* size) {
    ENTER();
    if (!program->compiled) return call.refuse(INVALID_INPUT, "a program that was not compiled");
    *size = sizeof IMAGE;
    return 0;
}

API int nvrtcGetCUBIN(Program* program, char* image) {
    ENTER();
    if (!program->compiled) return call.refuse(INVALID_INPUT, "a program that was not compiled");
    std::memcpy(image, IMAGE, sizeof IMAGE);
    return 0;
}

API int nvrtcGetPTXSize(Program*, size_t*) {
    ENTER();
    return call.refuse(INVALID_INPUT, "PTX");
}

API int nvrtcGetPTX(Program*, char*) {
    ENTER();
    return call.refuse(INVALID_INPUT, "PTX");
}

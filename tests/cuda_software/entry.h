// What every entry point of libcuda begins with.

#pragma once
#include "streams.h"

#define ENTER(needs_context)                                                                                           \
    Call call(__func__, needs_context, INVALID_CONTEXT, 0);                                                            \
    if (call.status) return call.status

#define ENTER_STREAM(handle)                                                                                           \
    ENTER(true);                                                                                                       \
    if (!is_stream(handle)) return call.refuse(INVALID_HANDLE, "not a stream of the current device");                  \
    Stream& stream = stream_of(handle)

/// Linked by dfdx, but not called where a device has memory pools.
#define UNUSED(name)                                                                                                   \
    API int name() {                                                                                                   \
        ENTER(false);                                                                                                  \
        return call.refuse(NOT_SUPPORTED, "not part of the software device");                                          \
    }

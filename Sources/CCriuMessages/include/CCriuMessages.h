#pragma once
#include "criu/common.pb-c.h"
#include "criu/files.pb-c.h"
#include "criu/memory.pb-c.h"
#include "criu/namespaces.pb-c.h"
#include "criu/processors.pb-c.h"
#include "criu/set.pb-c.h"
#include "criu/sockets.pb-c.h"
#include "criu/tasks.pb-c.h"

/// Descriptors of the messages that entries of images are; constants of the program.
const ProtobufCMessageDescriptor *_Nonnull const *_Nonnull criu_image_roots(size_t *_Nonnull count);

// What Swift cannot call: variadic system calls, macros, and what happens between fork and exec.
// Every function returns >= 0 or -errno unless it says otherwise. No logic, no hidden allocation.
#pragma once
#include <stdint.h>
#include "WorldShims.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

/// CLOCK_BOOTTIME in nanoseconds: counts sleep of the machine, never goes back.
int64_t shim_boottime_ns(void);

#include "sandbox.h"
#include "criu.h"

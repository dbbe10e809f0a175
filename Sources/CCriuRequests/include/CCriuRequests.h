#pragma once
#include "rpc.pb-c.h"

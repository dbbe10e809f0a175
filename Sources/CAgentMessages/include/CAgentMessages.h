#pragma once
#include "agent.pb-c.h"

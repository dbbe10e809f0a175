#include "init.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

const char *plan_next(const char *text) { return text + strlen(text) + 1; }

/// Steps over `count` strings; NULL when the plan is too short for them.
static const char *skip(const char *text, const char *end, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (text >= end) return NULL;
        text = plan_next(text);
    }
    return text;
}

struct fault plan_read(struct plan *plan, int descriptor) {
    struct stat file;
    struct fault unreadable = {SANDBOX_STEP_PLAN, EINVAL, 0};
    if (fstat(descriptor, &file) != 0 || file.st_size < (off_t)sizeof plan->head || file.st_size > SANDBOX_PLAN_LIMIT) return unreadable;
    const char *bytes = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (bytes == MAP_FAILED) return (struct fault){SANDBOX_STEP_PLAN, errno, 0};
    memcpy(&plan->head, bytes, sizeof plan->head);
    const char *end = bytes + file.st_size;
    // A NUL at the very end keeps every walk over strings inside the plan.
    if (plan->head.wire != SANDBOX_WIRE || plan->head.length != (uint32_t)file.st_size || end[-1] != 0) return unreadable;
    if (plan->head.group_count > SANDBOX_GROUP_LIMIT || plan->head.argument_count == 0) return unreadable;
    if (plan->head.bind_count > SANDBOX_BIND_LIMIT) return unreadable;

    plan->working_directory = bytes + sizeof plan->head;
    plan->host_name = skip(plan->working_directory, end, 1);
    plan->doors = plan->host_name ? skip(plan->host_name, end, 1) : NULL;
    plan->doors_inside = plan->doors ? skip(plan->doors, end, 1) : NULL;
    plan->hidden = plan->doors_inside ? skip(plan->doors_inside, end, 1) : NULL;
    plan->binds = plan->hidden ? skip(plan->hidden, end, plan->head.hidden_count) : NULL;
    plan->groups = plan->binds ? skip(plan->binds, end, 2 * plan->head.bind_count) : NULL;
    plan->arguments = plan->groups ? skip(plan->groups, end, plan->head.group_count) : NULL;
    plan->variables = plan->arguments ? skip(plan->arguments, end, plan->head.argument_count) : NULL;
    if (!plan->variables || skip(plan->variables, end, plan->head.variable_count) != end) return unreadable;
    return (struct fault){0};
}

#include "archive.h"
#include <string.h>

void check_name(const char *given, char *clean) {
    if (!given || !*given) refuse("name", given, NULL);
    if (*given == '/') refuse("absolute", given, NULL);
    size_t length = 0;
    int depth = 0;
    for (const char *part = given; *part;) {
        size_t size = strcspn(part, "/");
        bool is_dot = size == 1 && part[0] == '.';
        if (size == 2 && part[0] == '.' && part[1] == '.') refuse("above", given, NULL);
        if (size > LONGEST_COMPONENT || length + size + 2 > LONGEST_NAME || depth > DEEPEST) refuse("name", given, NULL);
        if (size > 0 && !is_dot) {
            if (length > 0) clean[length++] = '/';
            memcpy(clean + length, part, size);
            length += size;
            depth++;
        }
        part += size;
        part += *part == '/';
    }
    clean[length] = 0;
}

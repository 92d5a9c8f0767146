// Bytes that grow, and JSON that is looked at instead of parsed.
#define _GNU_SOURCE
#include "floor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *allocated(void *bytes, size_t size)
{
    bytes = realloc(bytes, size);
    if (!bytes)
        abort();
    return bytes;
}

static void reserve(struct buffer *buffer, size_t more)
{
    size_t size = buffer->size + more, twice = 2 * (size_t)buffer->capacity;
    if (size <= buffer->capacity)
        return;
    buffer->capacity = (uint32_t)(size < twice ? twice : size);
    buffer->bytes = allocated(buffer->bytes, buffer->capacity);
}

void append(struct buffer *buffer, struct text text)
{
    if (!text.size)
        return;
    reserve(buffer, text.size);
    memcpy(buffer->bytes + buffer->size, text.at, text.size);
    buffer->size += (uint32_t)text.size;
}

void appendf(struct buffer *buffer, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t size = (size_t)vsnprintf(NULL, 0, format, again);
    reserve(buffer, size + 1);
    vsnprintf(buffer->bytes + buffer->size, size + 1, format, args);
    buffer->size += (uint32_t)size;
    va_end(again);
    va_end(args);
}

void release(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}

bool same(struct text a, struct text b)
{
    return a.size == b.size && memcmp(a.at, b.at, a.size) == 0;
}

// The raw value behind the first `key` (such as `"name":`) of compact JSON, at whatever depth that
// is; nothing where there is none, or null.
struct text value(struct text json, const char *key)
{
    const char *end = json.at + json.size, *from = memmem(json.at, json.size, key, strlen(key));
    if (!from)
        return (struct text){0};
    const char *to = from += strlen(key);
    bool quoted = false;
    for (int depth = 0; to < end; to++) {
        if (quoted) {
            if (*to == '\\')
                to++;
            else
                quoted = *to != '"';
        } else if (*to == '"') {
            quoted = true;
        } else if (*to == '{' || *to == '[') {
            depth++;
        } else if (depth && (*to == '}' || *to == ']')) {
            depth--;
        } else if (!depth && (*to == ',' || *to == '}' || *to == ']')) {
            break;
        }
    }
    struct text found = {from, (size_t)((to < end ? to : end) - from)};
    return same(found, TEXT("null")) ? (struct text){0} : found;
}

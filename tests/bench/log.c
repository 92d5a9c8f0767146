// What a room's receivers got, each thing once; and how its JSON is looked at.
//
// JSON is not parsed, which the protocol allows: `type` is the FIRST field of every message, and
// `seq` the LAST of a numbered event and of a snapshot. JSON is compact.
#define _GNU_SOURCE
#include "load.h"

#include <string.h>

// The string after `key`, which includes the quotes up to the value: `"userId":"`.
struct payload string_after(struct payload p, const char *key)
{
    const char *found = memmem(p.text, p.size, key, strlen(key));
    if (!found)
        return (struct payload){NULL, 0};
    found += strlen(key);
    const char *end = memchr(found, '"', (size_t)(p.text + p.size - found));
    return (struct payload){found, end ? (size_t)(end - found) : 0};
}

bool starts(struct payload p, const char *with)
{
    return p.size >= strlen(with) && memcmp(p.text, with, strlen(with)) == 0;
}

struct event *event_at(struct log *log, uint64_t at)
{
    if (at >= log->capacity) {
        size_t capacity = log->capacity, before = capacity;
        log->events = grown(log->events, &capacity, at + 1, sizeof *log->events);
        memset(log->events + before, 0, (capacity - before) * sizeof *log->events);
        log->capacity = capacity;
    }
    return &log->events[at];
}

// Keep the frame, and the payload too where that is not a part of it.
void learn(struct log *log, struct event *e, struct payload frame, struct payload p)
{
    bool inside = p.text >= frame.text && p.text < frame.text + frame.size;
    e->at = (uint32_t)log->bytes.size;
    e->size = (uint32_t)frame.size;
    e->text = e->at + (uint32_t)(inside ? (size_t)(p.text - frame.text) : frame.size);
    e->text_size = (uint32_t)p.size;
    append(&log->bytes, frame.text, frame.size);
    if (!inside)
        append(&log->bytes, p.text, p.size);
}

bool same(const struct log *log, const struct event *e, struct payload p)
{
    return e->text_size == p.size && memcmp(log->bytes.bytes + e->text, p.text, p.size) == 0;
}

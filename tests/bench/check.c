// What must be true of everything that arrives. Frames go in, faults and counts come out.
//
// Nothing may get lost on the way from a room to a receiver: after its snapshot (which carries the
// `seq` that it includes) the numbered events follow by exactly one, and each is byte for byte what
// the first receiver of that number got. No digest is needed: the bytes themselves are compared,
// which is cheaper than any hash.
//
// JSON is not parsed but looked at, which the protocol allows: `type` is the FIRST field of every
// message, and `seq` the LAST of a numbered event and of a snapshot. JSON is compact.
#define _GNU_SOURCE
#include "load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SEQ = 1 << 26 };
static const char JOINED[] = "{\"type\":\"user_joined\"", LEFT[] = "{\"type\":\"user_left\"",
                  CHANGED[] = "{\"type\":\"presence_changed\"",
                  SNAPSHOT[] = "{\"type\":\"presence_snapshot\"",
                  WELCOME[] = "{\"type\":\"welcome\"", ERROR[] = "{\"type\":\"error\"",
                  ANY[] = "{\"type\":\"";

static struct conn **users;  // open addressing, by room and user id
static size_t users_mask;

// Remember the first problem only: the rest usually follow from it.
void problem(const char *format, ...)
{
    if (faults.problem[0])
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(faults.problem, sizeof faults.problem, format, args);
    va_end(args);
    for (char *c = faults.problem; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ' || (unsigned char)*c > '~')
            *c = '\'';
}

// --- whose event is it?

void index_users(size_t connections)
{
    size_t size = 16;
    while (size < 2 * connections)
        size *= 2;
    users = calloc(size, sizeof *users);
    users_mask = size - 1;
}

static struct conn **user_slot(const struct room *room, struct payload user)
{
    uint64_t hash = 14695981039346656037u ^ (uintptr_t)room;
    for (size_t i = 0; i < user.size; i++)
        hash = (hash ^ (uint8_t)user.text[i]) * 1099511628211u;
    size_t at = (hash >> 16) & users_mask;
    for (; users[at]; at = (at + 1) & users_mask)
        if (users[at]->room == room && strlen(users[at]->user) == user.size &&
            memcmp(users[at]->user, user.text, user.size) == 0)
            break;
    return &users[at];
}

// --- looking at JSON

// The string after `key`, which includes the quotes up to the value: `"userId":"`.
static struct payload string_after(struct payload p, const char *key)
{
    const char *found = memmem(p.text, p.size, key, strlen(key));
    if (!found)
        return (struct payload){NULL, 0};
    found += strlen(key);
    const char *end = memchr(found, '"', (size_t)(p.text + p.size - found));
    return (struct payload){found, end ? (size_t)(end - found) : 0};
}

static bool starts(struct payload p, const char *with)
{
    return p.size >= strlen(with) && memcmp(p.text, with, strlen(with)) == 0;
}

static bool last_seq(struct payload p, uint64_t *seq)
{
    uint64_t value = 0, unit = 1;
    size_t at = p.size - 1;  // the closing brace
    for (; at > 0 && p.text[at - 1] >= '0' && p.text[at - 1] <= '9'; at--, unit *= 10)
        value += (uint64_t)(p.text[at - 1] - '0') * unit;
    *seq = value;
    return unit > 1 && at >= 6 && memcmp(p.text + at - 6, "\"seq\":", 6) == 0 && value < MAX_SEQ;
}

static int count_users(struct payload p)
{
    static const char key[] = "\"userId\":\"";
    int count = 0;
    const char *at = p.text, *end = p.text + p.size;
    for (; (at = memmem(at, (size_t)(end - at), key, sizeof key - 1)); at++)
        count++;
    return count;
}

// --- numbered events

static struct event *event_at(struct room *room, uint64_t seq)
{
    if (seq >= room->capacity) {
        size_t capacity = room->capacity, before = capacity;
        room->events = grown(room->events, &capacity, seq + 1, sizeof *room->events);
        memset(room->events + before, 0, (capacity - before) * sizeof *room->events);
        room->capacity = capacity;
    }
    return &room->events[seq];
}

static void learn(struct conn *c, struct event *e, struct payload frame, struct payload p)
{
    e->at = (uint32_t)c->room->frames.size;
    e->size = (uint32_t)frame.size;
    e->header = (uint8_t)(frame.size - p.size);
    e->change = (int8_t)(starts(p, JOINED) - starts(p, LEFT));
    append(&c->room->frames, frame.text, frame.size);
    counts.events++;
    struct payload update = string_after(p, "\"resourceId\":\"");
    if (e->change || !update.size)
        return;
    struct conn *author = *user_slot(c->room, string_after(p, "\"userId\":\""));
    if (author && author->update == strtoull(update.text, NULL, 10)) {
        e->author = author;
        e->sent_ns = author->sent_ns;
    }
}

static inline void received(struct conn *c, struct event *e)
{
    counts.deliveries++;
    e->heard++;
    c->members += e->change;
    if (sampling && e->sent_ns) {
        sample(EACH, now_ns - e->sent_ns);
        if (e->heard == (uint32_t)c->room->members)
            sample(LAST, now_ns - e->sent_ns);
    }
    if (e->author == c)
        update_done(c);
}

static void check_order(struct conn *c, uint64_t seq)
{
    if (!c->current) {
        faults.early++;
        problem("%s got event %lu before its snapshot", c->pk, seq);
    } else if (seq <= c->seq) {
        faults.repeated++;
        problem("%s got event %lu after %lu", c->pk, seq, c->seq);
    } else if (seq > c->seq + 1) {
        faults.lost += seq - c->seq - 1;
        problem("%s got event %lu after %lu", c->pk, seq, c->seq);
    }
}

static void on_event(struct conn *c, struct payload frame, struct payload p)
{
    uint64_t seq;
    if (!last_seq(p, &seq)) {
        faults.malformed++;
        problem("%s got an event without a seq: %.*s", c->pk, (int)p.size, p.text);
        return;
    }
    check_order(c, seq);
    struct room *room = c->room;
    struct event *e = event_at(room, seq);
    if (!e->size) {
        learn(c, e, frame, p);
    } else if (e->size - e->header != p.size ||
               memcmp(room->frames.bytes + e->at + e->header, p.text, p.size) != 0) {
        faults.differs++;
        problem("%s got another event %lu than the first to receive it", c->pk, seq);
    }
    if (seq > room->last)
        room->last = seq;
    c->seq = seq;
    received(c, e);
}

// --- other messages

static void on_snapshot(struct conn *c, struct payload p)
{
    struct room *room = c->room;
    uint64_t seq;
    if (!last_seq(p, &seq) || (c->current && seq < c->seq)) {
        faults.malformed++;
        problem("%s got a snapshot without a seq, or with one from the past", c->pk);
        return;
    }
    if (room->snapshot.size != p.size || memcmp(room->snapshot.bytes, p.text, p.size) != 0) {
        room->snapshot.size = 0;
        append(&room->snapshot, p.text, p.size);
        room->snapshot_users = count_users(p);
    }
    if (!c->current)
        counts.last_admitted_ns = now_ns;
    counts.snapshots++;
    c->current = true;
    c->seq = seq;
    c->members = room->snapshot_users;
    if (seq > room->last)
        room->last = seq;
    char own[40];
    snprintf(own, sizeof own, "\"resourceId\":\"%lu\"", c->update);
    if (c->update && memmem(p.text, p.size, own, strlen(own)))
        update_done(c);
}

static void on_welcome(struct conn *c, struct payload p)
{
    struct payload user = string_after(p, "\"userId\":\"");
    snprintf(c->user, sizeof c->user, "%.*s", (int)user.size, user.size ? user.text : "");
    *user_slot(c->room, user) = c;
}

void on_message(struct conn *c, struct payload frame, struct payload p)
{
    if (starts(p, CHANGED) || starts(p, JOINED) || starts(p, LEFT)) {
        on_event(c, frame, p);
    } else if (starts(p, SNAPSHOT)) {
        on_snapshot(c, p);
    } else if (starts(p, WELCOME)) {
        on_welcome(c, p);
    } else if (starts(p, ERROR)) {
        faults.errors++;
        problem("%s got %.*s", c->pk, (int)p.size, p.text);
    } else if (!starts(p, ANY)) {
        faults.malformed++;
        problem("%s got a message whose first field is not type: %.*s", c->pk, (int)p.size, p.text);
    }
}

// --- the stream of frames

// Take every whole frame; the answer is how many bytes that took. The first branch is the hot one:
// the event that must come next, if somebody has already received it.
size_t consume(struct conn *c, const uint8_t *bytes, size_t size)
{
    size_t at = 0;
    while (c->state == OPEN) {
        struct room *room = c->room;
        struct event *e = c->seq + 1 < room->capacity ? &room->events[c->seq + 1] : NULL;
        if (e && c->current && e->size && size - at >= e->size &&
            memcmp(bytes + at, room->frames.bytes + e->at, e->size) == 0) {
            at += e->size;
            c->seq++;
            received(c, e);
            continue;
        }
        size_t took = take_frame(c, bytes + at, size - at);
        if (!took)
            break;
        at += took;
    }
    return at;
}

bool settled(const struct conn *c)
{
    return c->state == OPEN && c->current && !c->update && c->seq == c->room->last &&
           c->members == c->room->members;
}

void expect_events(uint64_t expected)
{
    if (counts.events <= expected)
        return;
    faults.unasked += counts.events - expected;
    problem("%lu events answer %lu updates", counts.events, expected);
}

// What must be true of everything that arrives. Frames go in, faults and counts come out.
//
// Nothing may get lost on the way from a room to a receiver: after its snapshot (which carries the
// `seq` that it includes) the numbered events follow by exactly one, and each is byte for byte what
// the first receiver of that number got. No digest is needed: the bytes themselves are compared,
// which is cheaper than any hash.
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
                  CURSOR_CHANGED[] = "{\"type\":\"cursor_changed\"",
                  USER_ID[] = "\"userId\":\"", PONG[] = "{\"type\":\"pong\"", ANY[] = "{\"type\":\"";

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

// --- looking at JSON, see log.c

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
    int count = 0;
    const char *at = p.text, *end = p.text + p.size;
    for (; (at = memmem(at, (size_t)(end - at), USER_ID, sizeof USER_ID - 1)); at++)
        count++;
    return count;
}

// --- numbered events

static uint32_t update_in(struct payload p)
{
    struct payload number = string_after(p, "\"currentPath\":\"/doc/");
    return number.size ? (uint32_t)strtoul(number.text, NULL, 10) : 0;
}

static void learn_numbered(struct conn *c, struct event *e, struct payload frame, struct payload p)
{
    learn(&c->room->numbered, e, frame, p);
    counts.events++;
    e->change = (int8_t)(starts(p, JOINED) - starts(p, LEFT));
    struct conn *author = *user_slot(c->room, string_after(p, USER_ID));
    uint32_t number = e->change ? 0 : update_in(p);
    if (!author || !is_said(number, UPDATE, author))
        return;
    e->author = author;
    e->number = number;
    e->stream = said[number].stream;
    e->sent_ns = said[number].sent_ns;
}

static inline void time_delivery(const struct conn *c, const struct event *e)
{
    took(e->stream ? BESIDE : EACH, now_ns - e->sent_ns);
    if (stamping && !e->stream)
        took(ARRIVAL, arrived_ns > e->sent_ns ? arrived_ns - e->sent_ns : 0);
    if (!e->stream && e->heard == (uint32_t)c->room->members)
        took(LAST, now_ns - e->sent_ns);
}

static inline void received(struct conn *c, struct event *e)
{
    counts.deliveries++;
    e->heard++;
    c->members += e->change;
    if (!e->number)
        return;
    counts.delivered++;
    if (timing)
        time_delivery(c, e);
    if (e->author == c)
        update_done(c, e->number);
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
    struct event *e = event_at(&room->numbered, seq);
    if (!e->size) {
        learn_numbered(c, e, frame, p);
    } else if (!same(&room->numbered, e, p)) {
        faults.differs++;
        problem("%s got another event %lu than the first to receive it", c->pk, seq);
    }
    if (seq > room->last)
        room->last = seq;
    c->seq = seq;
    received(c, e);
}

// --- other messages

// An entry reaches from its user's id to the next user's.
static void take_entry(struct conn *c, struct payload entry)
{
    struct conn *author = *user_slot(c->room, string_after(entry, USER_ID));
    if (author)
        on_cursor_of_entry(c, author, entry);
    if (author == c)
        updates_replaced(c, update_in(entry));
}

static void take_entries(struct conn *c, struct payload p)
{
    const char *at = memmem(p.text, p.size, USER_ID, sizeof USER_ID - 1), *end = p.text + p.size;
    while (at) {
        const char *next = memmem(at + 1, (size_t)(end - at - 1), USER_ID, sizeof USER_ID - 1);
        take_entry(c, (struct payload){at, (size_t)((next ? next : end) - at)});
        at = next;
    }
}

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
    if (c->first[UPDATE] || room->cursors_said)
        take_entries(c, p);
}

static void on_welcome(struct conn *c, struct payload p)
{
    struct payload user = string_after(p, USER_ID);
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
    } else if (starts(p, CURSOR_CHANGED)) {
        on_cursor(c, frame, p);
    } else if (starts(p, PONG)) {
        on_pong(c);
    } else if (starts(p, ERROR)) {
        faults.errors++;
        problem("%s got %.*s", c->pk, (int)p.size, p.text);
    } else if (!starts(p, ANY)) {
        faults.malformed++;
        problem("%s got a message whose first field is not type: %.*s", c->pk, (int)p.size, p.text);
    }
}

// --- the stream of frames

static inline bool begins(const uint8_t *bytes, size_t size, const struct log *log,
                          const struct event *e)
{
    return e->size && size >= e->size && memcmp(bytes, log->bytes.bytes + e->at, e->size) == 0;
}

// The hot path: the event that must come next, if somebody has already received it.
static inline size_t take_expected(struct conn *c, const uint8_t *bytes, size_t size)
{
    struct log *log = &c->room->numbered;
    if (c->seq + 1 >= log->capacity || !c->current || c->stateful)
        return 0;
    struct event *e = &log->events[c->seq + 1];
    if (!begins(bytes, size, log, e))
        return 0;
    c->seq++;
    received(c, e);
    return e->size;
}

// And the cursor that probably comes next: the one that came next to somebody else.
static inline size_t take_expected_cursor(struct conn *c, const uint8_t *bytes, size_t size)
{
    struct log *log = &c->room->cursors;
    if (c->next_cursor >= log->capacity || !c->current || c->stateful)
        return 0;
    struct event *e = &log->events[c->next_cursor];
    if (!begins(bytes, size, log, e))
        return 0;
    c->next_cursor++;
    cursor_received(c, e);
    return e->size;
}

// Take every whole frame; the answer is how many bytes that took.
size_t consume(struct conn *c, const uint8_t *bytes, size_t size)
{
    size_t at = 0, took = 1;
    for (; c->state == OPEN && took; at += took) {
        took = take_expected(c, bytes + at, size - at);
        if (!took)
            took = take_expected_cursor(c, bytes + at, size - at);
        if (!took)
            took = take_frame(c, bytes + at, size - at);
    }
    return at;
}

bool settled(const struct conn *c)
{
    return c->state == OPEN && c->current && !c->first[UPDATE] && (probing || !c->first[PING]) &&
           c->seq == c->room->last && c->members == c->room->members &&
           c->cursors_held == c->room->cursors_said;
}

void expect_events(uint64_t expected)
{
    if (counts.events <= expected)
        return;
    faults.unasked += counts.events - expected;
    problem("%lu events answer %lu updates", counts.events, expected);
}

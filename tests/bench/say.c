// What members say, and when: updates (a visit is one to the same resource for all) and cursors, each
// with a number that comes back in the event, and pings. In a closed loop so many updates are under way at any moment; in an open one each has
// its time, whether or not earlier ones have come back.
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stream {
    enum kind kind;
    const char *form;
    size_t first, count, at, step;  // whose turn it is: far apart in the list, so in another room
    double interval_ns;
    uint64_t began_ns, due_ns, end_ns, said;
};

struct said *said;
bool probing;
static size_t said_capacity, last_said;
static struct stream streams[STREAMS];
static size_t stream_count, next_sender;
static bool keeping;  // a closed loop goes on

static const char *const kinds[KINDS] = {"update", "cursor", "ping"};
static const char *const forms[KINDS] = {
    "{\"type\":\"presence_update\",\"currentPath\":\"/doc/%u\","
    "\"resourceType\":\"doc\",\"resourceId\":\"%u\"}",
    "{\"type\":\"cursor_update\",\"cursor\":{\"x\":%u,\"y\":%u}}",
    "{\"type\":\"ping\"}",
};
static const char *const visit =
    "{\"type\":\"presence_update\",\"currentPath\":\"/doc/%u\","
    "\"resourceType\":\"doc\",\"resourceId\":\"the-one\"}";

// --- one thing said

static uint32_t number_for(struct conn *c, enum kind kind, uint8_t stream)
{
    uint32_t number = (uint32_t)++last_said;
    if (number >= said_capacity)
        said = grown(said, &said_capacity, number + 1u, sizeof *said);
    said[number] = (struct said){.author = c, .kind = kind, .stream = stream};
    if (c->last[kind])
        said[c->last[kind]].next = number;
    if (!c->first[kind])
        c->first[kind] = number;
    c->last[kind] = number;
    return number;
}

static void count_demand(struct room *room, enum kind kind)
{
    if (kind == PING)
        return;
    counts.updates++;
    counts.demanded += (uint64_t)room->members;
    room->cursors_said += kind == CURSOR;
}

static void say(struct conn *c, enum kind kind, const char *form, uint8_t stream)
{
    char text[UPDATE_SIZE];
    uint32_t number = number_for(c, kind, stream);
    int size = snprintf(text, sizeof text, form, number, number);
    count_demand(c->room, kind);
    said[number].sent_ns = clock_ns();
    send_text(c, text, (size_t)size);
}

bool is_said(uint32_t number, enum kind kind, const struct conn *author)
{
    return number && number <= last_said && said[number].author == author &&
           said[number].kind == kind;
}

// --- a closed loop

static struct conn *free_sender(void)
{
    for (size_t tried = 0; tried < listed; tried++) {
        struct conn *c = &conns[next_sender++ % listed];
        if (c->state == OPEN && c->current && !c->first[UPDATE])
            return c;
    }
    return NULL;
}

static void say_next(void)
{
    struct conn *c = free_sender();
    if (c)
        say(c, UPDATE, forms[UPDATE], 0);
    else
        problem("every member waits for its last update: more in flight than members");
}

void keep_in_flight(uint64_t count)
{
    keeping = true;
    for (; count; count--)
        say_next();
}

void stop_keeping(void)
{
    keeping = false;
}

// --- what was said has come back

static uint32_t take_first(struct conn *c, enum kind kind)
{
    uint32_t first = c->first[kind];
    c->first[kind] = first == c->last[kind] ? 0 : said[first].next;
    return first;
}

// The author has it back. A server keeps the order, so that none before it can still come.
void update_done(struct conn *c, uint32_t number)
{
    while (c->first[UPDATE] && c->first[UPDATE] <= number) {
        uint32_t first = take_first(c, UPDATE);
        if (first < number) {
            faults.lost++;
            problem("update %u of %s was never told, only %u", first, c->pk, number);
        }
        if (keeping)
            say_next();
    }
}

// A snapshot has this one, and with it all before.
void updates_replaced(struct conn *c, uint32_t number)
{
    while (c->first[UPDATE] && c->first[UPDATE] <= number) {
        take_first(c, UPDATE);
        if (keeping)
            say_next();
    }
}

void on_pong(struct conn *c)
{
    if (!c->first[PING]) {
        faults.unasked++;
        problem("%s got a pong without a ping", c->pk);
        return;
    }
    uint32_t first = take_first(c, PING);
    if (timing)
        took(said[first].stream ? BESIDE : EACH, now_ns - said[first].sent_ns);
}

// --- open loops

static size_t common_divisor(size_t a, size_t b)
{
    return b ? common_divisor(b, a % b) : a;
}

// The golden section keeps neighbours in time far apart in the list.
static size_t step_through(size_t count)
{
    size_t step = (size_t)((double)count * 0.618) + 1;
    while (common_divisor(step, count) != 1)
        step++;
    return step;
}

void open_stream(const char *kind, size_t first, size_t count, double rate, uint64_t end_ns)
{
    if (stream_count == STREAMS || !count || first + count > listed || rate <= 0)
        die("such a stream can't be");
    struct stream *s = &streams[stream_count++];
    *s = (struct stream){.first = first, .count = count, .step = step_through(count)};
    bool visits = strcmp(kind, "visit") == 0;
    while (!visits && s->kind < PING && strcmp(kind, kinds[s->kind]) != 0)
        s->kind++;
    s->form = visits ? visit : forms[s->kind];
    probing |= s->kind == PING;
    s->interval_ns = 1e9 / rate;
    s->began_ns = s->due_ns = now_ns;
    s->end_ns = end_ns;
}

void close_streams(void)
{
    stream_count = 0;
    probing = false;
}

static void say_due_of(struct stream *s)
{
    while (s->due_ns <= now_ns && s->due_ns < s->end_ns) {
        struct conn *c = &conns[s->first + s->at];
        if (now_ns - s->due_ns > counts.late_ns)
            counts.late_ns = now_ns - s->due_ns;
        if (c->state == OPEN && c->current)
            say(c, s->kind, s->form, (uint8_t)(s - streams));
        s->at = (s->at + s->step) % s->count;
        s->due_ns = s->began_ns + (uint64_t)((double)++s->said * s->interval_ns);
    }
}

void say_due(void)
{
    for (size_t i = 0; i < stream_count; i++)
        say_due_of(&streams[i]);
}

uint64_t next_due_ns(void)
{
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < stream_count; i++)
        if (streams[i].due_ns < streams[i].end_ns && streams[i].due_ns < next)
            next = streams[i].due_ns;
    return next;
}

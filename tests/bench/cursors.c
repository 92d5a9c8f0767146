// Cursors are not numbered, and the latest wins: any may be left out for a later one of the same
// user. So each receiver's cursor of each user must never go back, and in the end it must be the
// last; one left out counts as delivered when a later one is there.
#define _GNU_SOURCE
#include "load.h"

#include <stdlib.h>
#include <string.h>

// From the one it held to this one it has them all.
static void hold(struct conn *c, struct conn *author, uint32_t number)
{
    if (!c->held)
        c->held = calloc(c->room->listed, sizeof *c->held);
    uint32_t held = c->held[author->index];
    if (number < held) {
        faults.repeated++;
        problem("the cursor of %s went back at %s: %u after %u", author->pk, c->pk, number, held);
        return;
    }
    while (held < number) {
        held = held ? said[held].next : author->first[CURSOR];
        c->cursors_held++;
        counts.delivered++;
        if (timing)
            took(said[held].stream ? BESIDE : EACH, now_ns - said[held].sent_ns);
    }
    c->held[author->index] = held;
}

void cursor_received(struct conn *c, struct event *e)
{
    counts.deliveries++;
    hold(c, e->author, e->number);
}

static uint32_t number_of(struct payload p)
{
    static const char key[] = "\"cursor\":{\"x\":";
    const char *found = memmem(p.text, p.size, key, sizeof key - 1);
    return found ? (uint32_t)strtoul(found + sizeof key - 1, NULL, 10) : 0;
}

static struct event *logged(struct room *room, struct conn *author, uint32_t number,
                            struct payload frame, struct payload p)
{
    bool is_new = !said[number].logged;
    if (is_new)
        said[number].logged = (uint32_t)++room->cursors_told;
    struct event *e = event_at(&room->cursors, said[number].logged);
    if (is_new) {
        learn(&room->cursors, e, frame, p);
        e->author = author;
        e->number = number;
    }
    return e;
}

void on_cursor(struct conn *c, struct payload frame, struct payload p)
{
    struct conn *author = *user_slot(c->room, string_after(p, "\"userId\":\""));
    uint32_t number = number_of(p);
    if (!author || !is_said(number, CURSOR, author)) {
        faults.unasked++;
        problem("%s got a cursor that nobody sent: %.*s", c->pk, (int)p.size, p.text);
        return;
    }
    struct event *e = logged(c->room, author, number, frame, p);
    if (!same(&c->room->cursors, e, p)) {
        faults.differs++;
        problem("%s got another cursor %u than the first to receive it", c->pk, number);
    }
    c->next_cursor = said[number].logged + 1;
    cursor_received(c, e);
}

void on_cursor_of_entry(struct conn *c, struct conn *author, struct payload entry)
{
    uint32_t number = number_of(entry);
    if (number && is_said(number, CURSOR, author))
        hold(c, author, number);
}

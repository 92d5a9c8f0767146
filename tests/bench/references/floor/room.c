// Rooms: who is in them, what happens there, and how everybody hears of it. None is ever forgotten.
#define _GNU_SOURCE
#include "floor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { HEADER = 10, CHAINS = 4096 };

struct room {
    struct room *next, *next_changed;  // with the same hash; with something to tell
    struct conn **members;
    uint32_t size, capacity;
    uint64_t seq;
    struct buffer batch;          // the frames of this turn
    bool changed, joined, moved;  // in this turn: anything; a member; a cursor
    char name[];
};

bool per_turn;
static struct room *rooms[CHAINS], *changed_rooms;
static struct buffer scratch;  // the frame in the making, with space for its header in front

// --- messages

static void begin(const char *type)
{
    static const char space[HEADER];
    scratch.size = 0;
    append(&scratch, (struct text){space, HEADER});
    append(&scratch, TEXT("{\"type\":\""));
    append(&scratch, (struct text){type, strlen(type)});
    append(&scratch, TEXT("\""));
}

// The frame is good until the next one is begun.
static struct text framed(void)
{
    uint64_t size = scratch.size - HEADER;
    size_t extra = size < 126 ? 0 : size < 65536 ? 2 : 8, header = 2 + extra;
    uint8_t *at = (uint8_t *)scratch.bytes + HEADER - header;
    at[0] = 0x81;
    at[1] = (uint8_t)(extra == 0 ? size : extra == 2 ? 126 : 127);
    for (size_t i = 0; i < extra; i++)
        at[2 + i] = (uint8_t)(size >> 8 * (extra - 1 - i));
    return (struct text){(char *)at, header + size};
}

static struct text numbered(uint64_t seq)
{
    appendf(&scratch, ",\"seq\":%lu}", seq);
    return framed();
}

struct text message(const char *format, ...)
{
    char json[8192];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(json, sizeof json, format, args);
    va_end(args);
    scratch.size = HEADER;
    append(&scratch, (struct text){json, (size_t)size < sizeof json ? (size_t)size : 0});
    return framed();
}

static struct text snapshot(const struct room *room)
{
    begin("presence_snapshot");
    append(&scratch, TEXT(",\"users\":["));
    for (uint32_t i = 0; i < room->size; i++) {
        append(&scratch, i ? TEXT(",{") : TEXT("{"));
        append(&scratch, (struct text){room->members[i]->entry, room->members[i]->size});
        append(&scratch, TEXT("}"));
    }
    append(&scratch, TEXT("]"));
    return numbered(room->seq);
}

static struct text cursor_changed(const struct conn *c)
{
    struct text cursor = {c->entry + c->cursor, c->size - c->cursor};
    begin("cursor_changed");
    append(&scratch, TEXT(","));
    append(&scratch, (struct text){c->entry, c->id});
    append(&scratch, cursor.size ? cursor : TEXT(",\"cursor\":null"));
    append(&scratch, TEXT("}"));
    return framed();
}

// --- rooms by name

static struct room *room_named(struct text name)
{
    size_t hash = 5381;
    for (size_t i = 0; i < name.size; i++)
        hash = hash * 33 + (uint8_t)name.at[i];
    struct room **chain = &rooms[hash % CHAINS], *room = *chain;
    while (room && !same((struct text){room->name, strlen(room->name)}, name))
        room = room->next;
    if (room)
        return room;
    room = allocated(NULL, sizeof *room + name.size + 1);
    *room = (struct room){.next = *chain};
    memcpy(room->name, name.at, name.size);
    room->name[name.size] = '\0';
    return *chain = room;
}

// --- to everybody

static void mark(struct room *room)
{
    if (room->changed)
        return;
    room->changed = true;
    room->next_changed = changed_rooms;
    changed_rooms = room;
}

static void tell(struct room *room, struct text frame)
{
    if (per_turn) {
        append(&room->batch, frame);
        mark(room);
    } else {
        for (uint32_t i = 0; i < room->size; i++)
            transmit(room->members[i], frame, 0);
    }
}

static void tell_entry(struct conn *c, const char *type)
{
    begin(type);
    append(&scratch, TEXT(","));
    append(&scratch, (struct text){c->entry, c->size});
    tell(c->room, numbered(++c->room->seq));
}

// Write what happened in this turn: to those who joined in it a snapshot, which says it all.
static void flush(struct room *room)
{
    for (uint32_t i = 0; room->moved && i < room->size; i++) {
        if (room->members[i]->moved)
            append(&room->batch, cursor_changed(room->members[i]));
        room->members[i]->moved = false;
    }
    struct text batch = {room->batch.bytes, room->batch.size};
    struct text whole = room->joined ? snapshot(room) : batch;
    for (uint32_t i = 0; i < room->size; i++) {
        transmit(room->members[i], room->members[i]->fresh ? whole : batch, 0);
        room->members[i]->fresh = false;
    }
    release(&room->batch);
    room->changed = room->joined = room->moved = false;
}

void end_turn(void)
{
    for (; changed_rooms; changed_rooms = changed_rooms->next_changed)
        flush(changed_rooms);
}

// --- what happens

static void take_seat(struct room *room, struct conn *c)
{
    if (room->size == room->capacity) {
        room->capacity = room->capacity ? 2 * room->capacity : 4;
        room->members = allocated(room->members, room->capacity * sizeof *room->members);
    }
    c->seat = room->size;
    room->members[room->size++] = c;
}

void join(struct conn *c, struct text name)
{
    struct room *room = c->room = room_named(name);
    tell_entry(c, "user_joined");
    take_seat(room, c);
    if (per_turn)
        c->fresh = room->joined = true;
    else
        transmit(c, snapshot(room), 0);
}

void leave(struct conn *c, const char *reason)
{
    struct room *room = c->room;
    struct conn *last = room->members[--room->size];
    room->members[last->seat = c->seat] = last;
    begin("user_left");
    appendf(&scratch, ",%.*s,\"reason\":\"%s\"", (int)c->id, c->entry, reason);
    tell(room, numbered(++room->seq));
}

static void rewrite(struct conn *c, struct text location, struct text cursor)
{
    struct buffer entry = {0};
    append(&entry, (struct text){c->entry, c->location});
    append(&entry, location);
    uint32_t rest = entry.size;
    append(&entry, (struct text){c->entry + c->rest, c->cursor - c->rest});
    c->rest = rest;
    c->cursor = entry.size;
    append(&entry, cursor);
    free(c->entry);
    c->entry = allocated(entry.bytes, entry.size);
    c->size = entry.size;
}

// A new location; the cursor of the old one goes with it.
void update(struct conn *c, struct text json)
{
    static const char *const keys[] = {
        ",\"currentPath\":", ",\"resourceType\":", ",\"resourceId\":", ",\"versionId\":",
        ",\"activity\":",    ",\"following\":",    ",\"data\":",
    };
    static struct buffer location;
    location.size = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct text found = value(json, keys[i] + 1);
        if (found.size)
            appendf(&location, "%s%.*s", keys[i], (int)found.size, found.at);
    }
    rewrite(c, (struct text){location.bytes, location.size}, (struct text){0});
    c->moved = false;
    tell_entry(c, "presence_changed");
}

// Of several in one turn the last is told, if the turn's frames are joined.
void move_cursor(struct conn *c, struct text cursor)
{
    static struct buffer part;
    part.size = 0;
    if (cursor.size)
        appendf(&part, ",\"cursor\":%.*s", (int)cursor.size, cursor.at);
    rewrite(c, (struct text){c->entry + c->location, c->rest - c->location},
            (struct text){part.bytes, part.size});
    if (per_turn) {
        c->moved = c->room->moved = true;
        mark(c->room);
    } else {
        tell(c->room, cursor_changed(c));
    }
}

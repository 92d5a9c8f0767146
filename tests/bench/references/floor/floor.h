// What the parts of the floor share: floor.c has the sockets, the frames and the loop, room.c the
// rooms and their events, handshake.c the upgrade and the token, text.c bytes and JSON.
#ifndef FLOOR_H
#define FLOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    const char *at;
    size_t size;
};
#define TEXT(literal) ((struct text){literal, sizeof literal - 1})

struct buffer {
    char *bytes;
    uint32_t size, capacity;
};

// A connection, and the member of a room that it is. Its entry is the inside of a JSON object in
// four parts: who it is, where it is, the rest, and the cursor. The second and the last change.
struct conn {
    struct room *room;  // NULL until the upgrade
    char *entry;
    uint32_t id, location, rest, cursor, size;  // where `"userId":"…"` ends, and the parts begin
    uint32_t seat;          // among the room's members
    struct buffer in, out;  // an unfinished frame; what the kernel did not take
    int fd;
    bool fresh, moved;  // in this turn: it joined; its cursor moved
};

// text.c
void *allocated(void *bytes, size_t size);
void append(struct buffer *buffer, struct text text);
__attribute__((format(printf, 2, 3))) void appendf(struct buffer *buffer, const char *format, ...);
void release(struct buffer *buffer);
bool same(struct text a, struct text b);
struct text value(struct text json, const char *key);

// handshake.c
bool upgrade(struct conn *c, char *request);

// room.c
extern bool per_turn;
void join(struct conn *c, struct text room);
void leave(struct conn *c, const char *reason);
void update(struct conn *c, struct text json);
void move_cursor(struct conn *c, struct text cursor);
void end_turn(void);
struct text message(const char *format, ...) __attribute__((format(printf, 1, 2)));

// floor.c
void transmit(struct conn *c, struct text bytes, int flags);

#endif

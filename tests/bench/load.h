// What the parts of the load generator share: load.c has the commands and the loop, connection.c
// the way of bytes, check.c what must be true of everything that arrives.
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { USER_SIZE = 129, UPDATE_SIZE = 256, PROBLEM_SIZE = 200 };

struct payload {
    const char *text;
    size_t size;
};

// A numbered event as the first receiver got it; every other receiver's copy is compared with it.
struct event {
    uint32_t at, size;  // its frame in the room's bytes; size 0: nobody has received it yet
    uint8_t header;     // how much of the frame comes before the payload
    int8_t change;      // what it does to the number of members
    uint32_t heard;     // how many have received it
    struct conn *author;  // whose update it answers, if it answers one
    uint64_t sent_ns;     // when that update was sent
};

struct buffer {
    uint8_t *bytes;
    size_t size, capacity;
};

struct room {
    const char *name;
    struct event *events;  // by seq: a room of a fresh server counts from near zero
    uint64_t capacity, last;  // last: the highest seq that anybody has seen
    struct buffer frames, snapshot;  // snapshot: the payload of the last one, and
    int snapshot_users, members;     // its users; members: how many connections were asked for
};

enum state { WAITING, CONNECTING, UPGRADING, OPEN, CLOSED };

struct conn {
    struct room *room;
    const char *pk, *token;
    char user[USER_SIZE];  // from welcome
    int fd, members;       // members: as this receiver would count them
    enum state state;
    bool current;      // has a snapshot
    uint64_t seq;      // the last numbered event, or the snapshot's
    uint64_t update;   // the update that it waits for, or 0
    uint64_t sent_ns;  // when that was sent
    struct buffer in, out;
};

// Since the command began.
struct counts {
    uint64_t updates, events, deliveries, snapshots, last_admitted_ns;
};

// Since the start: one of these makes the run a failure.
struct faults {
    uint64_t lost, repeated, early, differs, unasked, unsettled, closed, errors, malformed;
    char problem[PROBLEM_SIZE];  // the first, in words
};

enum samples { EACH, LAST };

extern struct counts counts;
extern struct faults faults;
extern bool sampling;  // deliveries are timed
extern uint64_t now_ns, give_up_ns;
extern size_t half_open;
extern int port, epoll_fd;

// check.c
void index_users(size_t connections);
void problem(const char *format, ...) __attribute__((format(printf, 1, 2)));
void on_message(struct conn *c, struct payload frame, struct payload p);
size_t consume(struct conn *c, const uint8_t *bytes, size_t size);
bool settled(const struct conn *c);
void expect_events(uint64_t expected);

// connection.c
void die(const char *what) __attribute__((noreturn));
void *grown(void *bytes, size_t *capacity, size_t wanted, size_t unit);
void append(struct buffer *buffer, const void *bytes, size_t size);
uint64_t clock_ns(void);
void dial(struct conn *c);
void send_text(struct conn *c, const char *text, size_t size);
size_t take_frame(struct conn *c, const uint8_t *bytes, size_t size);
void on_ready(struct conn *c, uint32_t events);

// samples.c
void sample(enum samples of, uint64_t ns);
void print_samples(void);

// load.c
void update_done(struct conn *c);

#endif

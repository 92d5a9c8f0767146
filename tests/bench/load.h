// What the parts of the load generator share: load.c has the commands and the loop, list.c the
// connections, say.c what members say and when, connection.c the way of bytes, arrival.c when they
// came, check.c what must be true of everything that arrives, cursors.c of cursors in particular,
// log.c what a room's members got, times.c how long it took.
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { USER_SIZE = 129, UPDATE_SIZE = 256, PROBLEM_SIZE = 200, STREAMS = 2 };
enum kind { UPDATE, CURSOR, PING, KINDS };
enum state { WAITING, CONNECTING, UPGRADING, OPEN, CLOSED };
// Deliveries; the last of each update; the second stream's; to the receiver's socket only.
enum times { EACH, LAST, BESIDE, ARRIVAL, TIMES };

struct payload {
    const char *text;
    size_t size;
};

struct buffer {
    uint8_t *bytes;
    size_t size, capacity;
};

// An event as the first receiver got it; every other receiver's copy is compared with it.
struct event {
    uint32_t at, size;         // its frame in the log's bytes; size 0: nobody has received it yet
    uint32_t text, text_size;  // and its payload: in the frame, or beside it where that is deflated
    uint32_t heard;            // how many have received it
    uint32_t number;           // what was said that it tells of, or 0
    int8_t change;             // what it does to the number of members
    uint8_t stream;
    struct conn *author;
    uint64_t sent_ns;
};

struct log {
    struct event *events;
    uint64_t capacity;
    struct buffer bytes;
};

struct room {
    const char *name;
    int port;                     // of its server
    struct log numbered;          // by seq: a room of a fresh server counts from near zero
    struct log cursors;           // in the order in which they were first received, from 1
    uint64_t last, cursors_told;  // the highest seq that anybody has seen; the last cursor there
    uint64_t cursors_said;
    struct buffer snapshot;  // the payload of the last one, and
    int snapshot_users;      // its users
    int members;             // how many connections were asked for
    uint32_t listed;         // and how many there may be
};

// One thing that a member said, by its number.
struct said {
    uint64_t sent_ns;
    struct conn *author;
    uint32_t next;    // the author's next of this kind, or 0
    uint32_t logged;  // a cursor's place in the room's log, or 0
    enum kind kind;
    uint8_t stream;
};

struct conn {
    struct room *room;
    const char *pk, *token;
    char user[USER_SIZE];  // from welcome
    uint32_t index;        // in its room
    int fd, members;       // members: as this receiver would count them
    enum state state;
    bool current;           // has a snapshot
    bool stateful;          // its compressed messages lean on those before: none may be skipped
    uint64_t seq;           // the last numbered event, or the snapshot's
    uint64_t next_cursor;   // the place in the log of the cursor that probably comes next
    uint64_t cursors_held;  // how many of the room's cursors it has, or has had a later one for
    uint32_t *held;         // the last cursor of each member
    uint32_t first[KINDS];  // what it waits for; of cursors the first that it said
    uint32_t last[KINDS];   // what it said last
    struct buffer in, out;
    void *inflating;  // NULL: nothing is compressed
};

// Since the command began.
struct counts {
    uint64_t updates, events, deliveries, snapshots, last_admitted_ns, wire_bytes;
    uint64_t demanded;   // deliveries that the updates and cursors said should cause
    uint64_t delivered;  // and that they did; a later cursor of the same user does it as well
    uint64_t in_time;    // of these, until the sending ended
    uint64_t late_ns;    // by how much the generator itself was late to say something, at worst
};

// Since the start: one of these makes the run a failure.
struct faults {
    uint64_t lost, repeated, early, differs, unasked, unsettled, closed, errors, malformed;
    char problem[PROBLEM_SIZE];  // the first, in words
};

extern struct counts counts;
extern struct faults faults;
extern bool timing;   // deliveries are timed
extern bool probing;  // an answer to a ping may be under way
extern bool offer_deflate;  // compression is offered
extern bool stamping;  // the kernel says when bytes came
extern uint64_t now_ns, give_up_ns, arrived_ns;
extern size_t half_open, listed;
extern int port, epoll_fd;
extern struct conn *conns;  // in the order of the file
extern struct said *said;

// list.c
void read_list(const char *file);
struct conn **user_slot(const struct room *room, struct payload user);

// check.c
void problem(const char *format, ...) __attribute__((format(printf, 1, 2)));
void on_message(struct conn *c, struct payload frame, struct payload p);
size_t consume(struct conn *c, const uint8_t *bytes, size_t size);
bool settled(const struct conn *c);
void expect_events(uint64_t expected);

// log.c
struct payload string_after(struct payload p, const char *key);
bool starts(struct payload p, const char *with);
struct event *event_at(struct log *log, uint64_t at);
void learn(struct log *log, struct event *e, struct payload frame, struct payload p);
bool same(const struct log *log, const struct event *e, struct payload p);

// cursors.c
void on_cursor(struct conn *c, struct payload frame, struct payload p);
void on_cursor_of_entry(struct conn *c, struct conn *author, struct payload entry);
void cursor_received(struct conn *c, struct event *e);

// arrival.c
void ask_for_stamps(int fd);
ssize_t receive(int fd, void *bytes, size_t size);

// connection.c
void die(const char *what) __attribute__((noreturn));
void *grown(void *bytes, size_t *capacity, size_t wanted, size_t unit);
void append(struct buffer *buffer, const void *bytes, size_t size);
uint64_t clock_ns(void);
void dial(struct conn *c);
void send_text(struct conn *c, const char *text, size_t size);
size_t take_frame(struct conn *c, const uint8_t *bytes, size_t size);
void on_ready(struct conn *c, uint32_t events);

// inflate.c
void agree_on_deflate(struct conn *c, const char *answer, size_t size);
bool inflated(struct conn *c, struct payload compressed, struct payload *plain);

// say.c
bool is_said(uint32_t number, enum kind kind, const struct conn *author);
void update_done(struct conn *c, uint32_t number);
void updates_replaced(struct conn *c, uint32_t number);
void on_pong(struct conn *c);
void keep_in_flight(uint64_t count);
void stop_keeping(void);
void open_stream(const char *kind, size_t first, size_t count, double rate, uint64_t end_ns);
void close_streams(void);
void say_due(void);
uint64_t next_due_ns(void);

// times.c
void took(enum times which, uint64_t ns);
void print_times(void);

#endif

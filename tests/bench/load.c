// A load generator for the presence protocol: one process, one thread, epoll, nothing but libc.
//
//   load PORT FILE [PATIENCE_S]    FILE has a line for each connection, those of a room together:
//                                  room TAB connection id TAB token
//
// Commands come on stdin, one a line. Each is answered by one line of JSON on stdout when it is done
// and every receiver holds the same last seq and the full map of its room, or patience has run out:
//
//   join N               open the next N connections as fast as HALF_OPEN dials allow
//   fanout INFLIGHT MS   closed loop: an update is done when its sender has received it back; then
//                        the next sender sends
//   latency RATE MS      open loop: RATE updates a second, each delivery timed
//   idle MS              only answer pings
//
// It ends at the end of stdin, with 1 if anything was lost (see check.c).
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { HALF_OPEN = 128, BATCH = 512, LINE_SIZE = 128 };

struct counts counts;
struct faults faults;
bool sampling;
uint64_t now_ns, give_up_ns;
size_t half_open;
int port, epoll_fd;

static struct conn *conns;  // in the order of the file: listed, asked for, dialed
static size_t listed, asked, dialed, next_sender;
static struct room *rooms;
static size_t room_count;
static bool issuing;  // a closed loop goes on
static uint64_t update_number, patience_s = 30;
static char line[LINE_SIZE];
static size_t line_size;

// --- the loop

static void on_stdin(void)
{
    ssize_t got = read(STDIN_FILENO, line + line_size, sizeof line - line_size);
    if (got <= 0)
        exit(faults.problem[0] ? 1 : 0);
    line_size += (size_t)got;
}

static void turn(int timeout_ms)
{
    struct epoll_event ready[BATCH];
    int count = epoll_wait(epoll_fd, ready, BATCH, timeout_ms);
    now_ns = clock_ns();
    for (int i = 0; i < count; i++) {
        if (ready[i].data.ptr)
            on_ready(ready[i].data.ptr, ready[i].events);
        else
            on_stdin();
    }
    for (; dialed < asked && half_open < HALF_OPEN; dialed++)
        dial(&conns[dialed]);
}

static void turn_until(uint64_t ns)
{
    uint64_t until_ns = ns < give_up_ns ? ns : give_up_ns;
    turn(until_ns > now_ns ? (int)((until_ns - now_ns + 999999) / 1000000) : 0);
}

static bool over(uint64_t end_ns)
{
    return now_ns >= end_ns || now_ns >= give_up_ns;
}

static bool all_settled(void)
{
    static size_t suspect;  // whoever was not, the last time, is the first to be asked
    if (dialed < asked || (suspect < dialed && !settled(&conns[suspect])))
        return false;
    for (suspect = 0; suspect < dialed; suspect++)
        if (!settled(&conns[suspect]))
            return false;
    return true;
}

static void settle(void)
{
    while (!all_settled() && !over(give_up_ns))
        turn_until(give_up_ns);
    for (struct conn *c = conns; c < conns + asked; c++) {
        if (settled(c))
            continue;
        faults.unsettled++;
        problem("%s does not hold the whole: seq %lu of %lu, %d of %d members, waits for update %lu",
                c->pk, c->seq, c->room->last, c->members, c->room->members, c->update);
    }
}

// --- updates

static struct conn *free_sender(void)
{
    for (size_t tried = 0; tried < dialed; tried++) {
        struct conn *c = &conns[next_sender++ % dialed];
        if (c->state == OPEN && c->current && !c->update)
            return c;
    }
    return NULL;
}

static void send_update(void)
{
    static const char format[] = "{\"type\":\"presence_update\",\"currentPath\":\"/doc/%lu\","
                                 "\"resourceType\":\"doc\",\"resourceId\":\"%lu\"}";
    struct conn *c = free_sender();
    if (!c) {
        problem("every member waits for its last update: more in flight than members");
        return;
    }
    char text[UPDATE_SIZE];
    c->update = ++update_number;
    int size = snprintf(text, sizeof text, format, c->update, c->update);
    c->sent_ns = clock_ns();
    counts.updates++;
    send_text(c, text, (size_t)size);
}

void update_done(struct conn *c)
{
    if (!c->update)
        return;
    c->update = 0;
    if (issuing)
        send_update();
}

// --- commands

static void join(size_t more)
{
    for (; more && asked < listed; more--)
        conns[asked++].room->members++;
    turn(0);
}

static void fan_out(uint64_t in_flight, uint64_t end_ns)
{
    issuing = true;
    for (; in_flight; in_flight--)
        send_update();
    while (!over(end_ns))
        turn_until(end_ns);
    issuing = false;
}

static void open_loop(uint64_t rate, uint64_t end_ns)
{
    sampling = true;
    for (uint64_t due_ns = now_ns; due_ns < end_ns && !over(end_ns);) {
        if (now_ns < due_ns) {
            turn_until(due_ns);
            continue;
        }
        send_update();
        due_ns += 1000000000u / rate;
    }
}

static void idle(uint64_t end_ns)
{
    while (!over(end_ns))
        turn_until(end_ns);
}

static void print_result(double wall_ms, double cpu_ms, double admitted_ms)
{
    printf("{");
    print_samples();
    printf("\"connections\":%zu,\"wall_ms\":%.3f,\"cpu_ms\":%.3f,\"admitted_ms\":%.3f,", dialed,
           wall_ms, cpu_ms, admitted_ms);
    printf("\"updates\":%lu,\"events\":%lu,\"deliveries\":%lu,\"snapshots\":%lu,", counts.updates,
           counts.events, counts.deliveries, counts.snapshots);
    printf("\"faults\":{\"lost\":%lu,\"repeated\":%lu,\"early\":%lu,\"differs\":%lu,", faults.lost,
           faults.repeated, faults.early, faults.differs);
    printf("\"unasked\":%lu,\"unsettled\":%lu,\"closed\":%lu,\"errors\":%lu,\"malformed\":%lu},",
           faults.unasked, faults.unsettled, faults.closed, faults.errors, faults.malformed);
    printf("\"ok\":%s,\"problem\":\"%s\"}\n", faults.problem[0] ? "false" : "true", faults.problem);
    fflush(stdout);
}

static void run(const char *name, uint64_t first, uint64_t end_ns)
{
    if (strcmp(name, "join") == 0)
        join(first);
    else if (strcmp(name, "fanout") == 0)
        fan_out(first, end_ns);
    else if (strcmp(name, "latency") == 0)
        open_loop(first, end_ns);
    else
        idle(end_ns);
    settle();
    if (strcmp(name, "fanout") == 0)
        expect_events(counts.updates);
}

static void command(const char *name, uint64_t first, uint64_t ms)
{
    clock_t began_cpu = clock();
    uint64_t began_ns = now_ns = clock_ns();
    uint64_t end_ns = began_ns + ms * 1000000u;
    give_up_ns = end_ns + patience_s * 1000000000u;
    counts = (struct counts){.last_admitted_ns = began_ns};
    run(name, first, end_ns);
    print_result((double)(clock_ns() - began_ns) / 1e6,
                 (double)(clock() - began_cpu) * 1e3 / CLOCKS_PER_SEC,
                 (double)(counts.last_admitted_ns - began_ns) / 1e6);
    sampling = false;
}

static void take_command(char *end)
{
    char name[LINE_SIZE];
    unsigned long first = 0, second = 0;
    *end = '\0';
    int words = sscanf(line, "%s %lu %lu", name, &first, &second);
    if (words < 2)
        die(line);
    command(name, first, words == 3 ? second : strcmp(name, "idle") == 0 ? first : 0);
    line_size -= (size_t)(end + 1 - line);
    memmove(line, end + 1, line_size);
}

// --- start

static struct room *room_named(const char *name)
{
    if (!room_count || strcmp(rooms[room_count - 1].name, name) != 0)
        rooms[room_count++].name = name;
    return &rooms[room_count - 1];
}

static void read_list(FILE *file)
{
    char *text = NULL;
    size_t capacity = 0;
    while (getline(&text, &capacity, file) > 0)
        listed++;
    conns = calloc(listed + 1, sizeof *conns);
    rooms = calloc(listed + 1, sizeof *rooms);
    rewind(file);
    for (size_t i = 0; i < listed && getline(&text, &capacity, file) > 0; i++) {
        char *rest = strdup(text), *room = strsep(&rest, "\t");
        conns[i].room = room_named(room);
        conns[i].pk = strsep(&rest, "\t");
        conns[i].token = strsep(&rest, "\n");
    }
    free(text);
    index_users(listed);
}

static void prepare(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &e) < 0)
        die("epoll");
}

int main(int argc, char **argv)
{
    FILE *file = argc > 2 ? fopen(argv[2], "r") : NULL;
    if (!file)
        die("usage: load PORT FILE [PATIENCE_S]");
    port = atoi(argv[1]);
    if (argc > 3)
        patience_s = strtoull(argv[3], NULL, 10);
    read_list(file);
    fclose(file);
    prepare();
    for (;;) {
        char *end = memchr(line, '\n', line_size);
        if (end)
            take_command(end);
        else
            turn(-1);
    }
}

// A load generator for the presence protocol: one process, one thread, epoll, nothing but libc (and
// zlib, where it is there).
//
//   load PORT FILE [PATIENCE_S [deflate | stamps]]
//                                            FILE has a line for each connection, those of a room
//                                            together: room TAB connection id TAB token [TAB port
//                                            of another server than PORT]
//
// Commands come on stdin, one a line. Each is answered by one line of JSON on stdout when it is done
// and every receiver holds the same last seq, the last cursor of everybody and the full map of its
// room, or patience has run out:
//
//   join N [MS [STREAM]]      open the next N connections, as fast as HALF_OPEN dials allow or
//                             evenly within MS; a stream goes on until all is settled
//   fanout INFLIGHT MS        closed loop: an update is done when its sender has received it back;
//                             then the next sender sends
//   open MS STREAM [STREAM]   open loop: what is said has its time, however long the others take,
//                             and each delivery is timed
//   idle MS                   only answer pings
//
// A STREAM is four words: KIND FIRST COUNT RATE. So many connections of the file from the first on
// say a kind of thing (update, visit, cursor or ping) RATE times a second altogether, in turn.
//
// It ends at the end of stdin, with 1 if anything was lost (see check.c).
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { HALF_OPEN = 128, BATCH = 512, LINE_SIZE = 256, WORDS = 11 };

struct counts counts;
struct faults faults;
bool timing;
uint64_t now_ns, give_up_ns;
size_t half_open;
int port, epoll_fd;

static size_t asked, dialed;
static uint64_t dial_ns, dial_interval_ns, patience_s = 30;
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

static bool may_dial(void)
{
    return dialed < asked && half_open < HALF_OPEN;
}

static void dial_due(void)
{
    for (; may_dial() && dial_ns <= now_ns; dial_ns += dial_interval_ns)
        dial(&conns[dialed++]);
}

static void turn(const struct timespec *timeout)
{
    struct epoll_event ready[BATCH];
    int count = epoll_pwait2(epoll_fd, ready, BATCH, timeout, NULL);
    now_ns = clock_ns();
    for (int i = 0; i < count; i++) {
        say_due();
        if (ready[i].data.ptr)
            on_ready(ready[i].data.ptr, ready[i].events);
        else
            on_stdin();
    }
    say_due();
    dial_due();
}

static void turn_until(uint64_t until_ns)
{
    uint64_t due_ns = next_due_ns();
    if (may_dial() && dial_ns < due_ns)
        due_ns = dial_ns;
    if (give_up_ns < due_ns)
        due_ns = give_up_ns;
    if (until_ns < due_ns)
        due_ns = until_ns;
    uint64_t wait_ns = due_ns > now_ns ? due_ns - now_ns : 0;
    turn(&(struct timespec){(time_t)(wait_ns / 1000000000u), (long)(wait_ns % 1000000000u)});
}

static bool over(uint64_t end_ns)
{
    return now_ns >= end_ns || now_ns >= give_up_ns;
}

static void run_until(uint64_t end_ns)
{
    while (!over(end_ns))
        turn_until(end_ns);
}

// --- until everybody has everything

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

static void wait_for_all(void)
{
    while (!all_settled() && !over(give_up_ns))
        turn_until(give_up_ns);
}

static void object(const struct conn *c)
{
    faults.unsettled++;
    problem("%s does not hold the whole: seq %lu of %lu, %d of %d members, %lu of %lu cursors, "
            "waits for update %u, ping %u",
            c->pk, c->seq, c->room->last, c->members, c->room->members, c->cursors_held,
            c->room->cursors_said, c->first[UPDATE], c->first[PING]);
}

static void settle(void)
{
    counts.in_time = counts.delivered;
    close_streams();
    wait_for_all();
    for (const struct conn *c = conns; c < conns + asked; c++)
        if (!settled(c))
            object(c);
}

// --- commands

static uint64_t now_and(uint64_t ms)
{
    return now_ns + ms * 1000000u;
}

static void open_streams(char **words, uint64_t end_ns)
{
    timing |= words[0] != NULL;
    for (; words[0] && words[1] && words[2] && words[3]; words += 4)
        open_stream(words[0], strtoull(words[1], NULL, 10), strtoull(words[2], NULL, 10),
                    strtod(words[3], NULL), end_ns);
}

static void join(uint64_t more, uint64_t ms, char **words)
{
    dial_ns = now_ns;
    dial_interval_ns = more ? ms * 1000000u / more : 0;
    for (; more && asked < listed; more--)
        conns[asked++].room->members++;
    open_streams(words, UINT64_MAX);
    dial_due();
    wait_for_all();
}

static void fan_out(uint64_t in_flight, uint64_t ms)
{
    keep_in_flight(in_flight);
    run_until(now_and(ms));
    stop_keeping();
}

static void open_loop(uint64_t ms, char **words)
{
    uint64_t end_ns = now_and(ms);
    open_streams(words, end_ns);
    run_until(end_ns);
}

static void print_result(double wall_ms, double cpu_ms, double admitted_ms)
{
    printf("{");
    print_times();
    printf("\"connections\":%zu,\"wall_ms\":%.3f,\"cpu_ms\":%.3f,\"admitted_ms\":%.3f,", dialed,
           wall_ms, cpu_ms, admitted_ms);
    printf("\"updates\":%lu,\"events\":%lu,\"deliveries\":%lu,\"snapshots\":%lu,", counts.updates,
           counts.events, counts.deliveries, counts.snapshots);
    printf("\"demanded\":%lu,\"delivered\":%lu,\"in_time\":%lu,", counts.demanded, counts.delivered,
           counts.in_time);
    printf("\"wire_bytes\":%lu,\"late_ms\":%.3f,", counts.wire_bytes, (double)counts.late_ns / 1e6);
    printf("\"faults\":{\"lost\":%lu,\"repeated\":%lu,\"early\":%lu,\"differs\":%lu,", faults.lost,
           faults.repeated, faults.early, faults.differs);
    printf("\"unasked\":%lu,\"unsettled\":%lu,\"closed\":%lu,\"errors\":%lu,\"malformed\":%lu},",
           faults.unasked, faults.unsettled, faults.closed, faults.errors, faults.malformed);
    printf("\"ok\":%s,\"problem\":\"%s\"}\n", faults.problem[0] ? "false" : "true", faults.problem);
    fflush(stdout);
}

static void run(const char *name, uint64_t first, uint64_t second, char **rest)
{
    bool closed_loop = strcmp(name, "fanout") == 0, joins = strcmp(name, "join") == 0;
    give_up_ns = now_and((closed_loop || joins ? second : first) + patience_s * 1000);
    if (closed_loop)
        fan_out(first, second);
    else if (joins)
        join(first, second, rest + (rest[0] != NULL));
    else
        open_loop(first, rest);
    settle();
    if (closed_loop)
        expect_events(counts.updates);
}

static void command(char **words)
{
    clock_t began_cpu = clock();
    uint64_t began_ns = now_ns = clock_ns();
    counts = (struct counts){.last_admitted_ns = began_ns};
    run(words[0], strtoull(words[1], NULL, 10), words[2] ? strtoull(words[2], NULL, 10) : 0,
        words + 2);
    print_result((double)(clock_ns() - began_ns) / 1e6,
                 (double)(clock() - began_cpu) * 1e3 / CLOCKS_PER_SEC,
                 (double)(counts.last_admitted_ns - began_ns) / 1e6);
    timing = false;
}

static void take_command(char *end)
{
    char *words[WORDS + 1] = {NULL}, *rest = line, copy[LINE_SIZE];
    *end = '\0';
    strcpy(copy, line);
    for (size_t count = 0; count < WORDS && rest; count++)
        words[count] = strsep(&rest, " ");
    if (!words[1])
        die(copy);
    command(words);
    line_size -= (size_t)(end + 1 - line);
    memmove(line, end + 1, line_size);
}

// --- start

static void prepare(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    prctl(PR_SET_TIMERSLACK, 1);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &e) < 0)
        die("epoll");
}

int main(int argc, char **argv)
{
    if (argc < 3)
        die("usage: load PORT FILE [PATIENCE_S [deflate | stamps]]");
    port = atoi(argv[1]);
    if (argc > 3)
        patience_s = strtoull(argv[3], NULL, 10);
    offer_deflate = argc > 4 && strcmp(argv[4], "deflate") == 0;
    stamping = argc > 4 && strcmp(argv[4], "stamps") == 0;
    read_list(argv[2]);
    prepare();
    for (;;) {
        char *end = memchr(line, '\n', line_size);
        if (end)
            take_command(end);
        else
            turn(NULL);
    }
}

// The floor: the least that a presence server costs on this machine. One thread, epoll, libc.
//
//   floor --per event    every event is written to every member when it happens
//   floor --per turn     what happens in a room in one turn of the loop is written to every member
//                        at once, at the end of the turn
//
// It does what the bench looks at and no more: fragments, pings and limits are missing, a slow
// reader is buffered for without an end, and no token is verified (see handshake.c).
#define _GNU_SOURCE
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 128 * 1024, FRAME_SIZE = 64 * 1024, BATCH = 1024, BACKLOG = 4096 };
static int epoll_fd;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(struct conn *c, int operation, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(epoll_fd, operation, c->fd, &e) < 0)
        die("epoll_ctl");
}

// --- bytes out

// Give bytes to the kernel, and keep what it does not take. A failure is left to the next read.
void transmit(struct conn *c, struct text bytes, int flags)
{
    if (c->out.size) {
        append(&c->out, bytes);
        return;
    }
    ssize_t sent = send(c->fd, bytes.at, bytes.size, MSG_NOSIGNAL | flags);
    if (sent < 0 && errno != EAGAIN)
        return;
    size_t taken = sent < 0 ? 0 : (size_t)sent;
    if (taken == bytes.size)
        return;
    append(&c->out, (struct text){bytes.at + taken, bytes.size - taken});
    watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void on_writable(struct conn *c)
{
    struct buffer waiting = c->out;
    c->out = (struct buffer){0};
    watch(c, EPOLL_CTL_MOD, EPOLLIN);
    transmit(c, (struct text){waiting.bytes, waiting.size}, 0);
    free(waiting.bytes);
}

// --- bytes in

static void hang_up(struct conn *c, const char *reason)
{
    if (c->room)
        leave(c, reason);
    close(c->fd);
    release(&c->in);
    release(&c->out);
    free(c->entry);
    free(c);
}

static void on_text(struct conn *c, struct text json)
{
    struct text type = value(json, "\"type\":");
    if (same(type, TEXT("\"presence_update\"")))
        update(c, json);
    else if (same(type, TEXT("\"cursor_update\"")))
        move_cursor(c, value(json, "\"cursor\":"));
    else if (same(type, TEXT("\"ping\"")))
        transmit(c, message("{\"type\":\"pong\"}"), 0);
}

// The first frame's payload, unmasked where it stands; its size is -1 where it is not all there,
// or -2 where it is none that we take.
static ssize_t payload_of(uint8_t *bytes, size_t size, size_t *header)
{
    size_t length = size < 2 ? 0 : bytes[1] & 127;
    *header = 6 + (length == 126 ? 2 : 0);
    if (size < *header)
        return -1;
    if (length == 126)
        length = (size_t)bytes[2] << 8 | bytes[3];
    if (length == 127 || !(bytes[1] & 128) || !(bytes[0] & 128))
        return -2;
    if (size - *header < length)
        return -1;
    for (size_t i = 0; i < length; i++)
        bytes[*header + i] ^= bytes[*header - 4 + i % 4];
    return (ssize_t)length;
}

// Take every whole frame; the answer is how many bytes that took, or -1 where it was the last.
static ssize_t take_frames(struct conn *c, char *bytes, size_t size)
{
    size_t used = 0;
    for (;;) {
        size_t header;
        uint8_t *frame = (uint8_t *)bytes + used;
        ssize_t length = payload_of(frame, size - used, &header);
        if (length == -1)
            return (ssize_t)used;
        if (length == -2)
            return -1;
        if (frame[0] == 0x88) {
            transmit(c, (struct text){"\x88\x00", 2}, 0);
            return -1;
        }
        if (frame[0] == 0x81)
            on_text(c, (struct text){(char *)frame + header, (size_t)length});
        used += header + (size_t)length;
    }
}

static ssize_t take_request(struct conn *c, char *bytes, size_t size)
{
    bytes[size] = '\0';
    char *end = strstr(bytes, "\r\n\r\n");
    if (!end)
        return 0;
    end[2] = '\0';
    if (!upgrade(c, bytes))
        return -1;
    ssize_t used = end + 4 - bytes, more = take_frames(c, end + 4, size - (size_t)used);
    return more < 0 ? more : used + more;
}

// Reads go to a shared buffer; only what is left of an unfinished frame moves to the connection's.
static void on_readable(struct conn *c)
{
    static char shared[READ_SIZE + 1];
    size_t size = c->in.size;
    if (size)
        memcpy(shared, c->in.bytes, size);
    ssize_t got = recv(c->fd, shared + size, READ_SIZE - size, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    release(&c->in);
    size += got > 0 ? (size_t)got : 0;
    ssize_t used = -1;
    if (got > 0)
        used = c->room ? take_frames(c, shared, size) : take_request(c, shared, size);
    if (used < 0 || size - (size_t)used > FRAME_SIZE + 8)
        hang_up(c, got > 0 ? "closed" : "timeout");
    else
        append(&c->in, (struct text){shared + used, size - (size_t)used});
}

// --- the loop

static void on_dialled(int listener)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct conn *c = allocated(NULL, sizeof *c);
        *c = (struct conn){.fd = fd};
        watch(c, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void turn(int listener)
{
    struct epoll_event ready[BATCH];
    int count = epoll_wait(epoll_fd, ready, BATCH, -1);
    for (int i = 0; i < count; i++) {
        struct conn *c = ready[i].data.ptr;
        if (!c)
            on_dialled(listener);
        else if (ready[i].events & EPOLLOUT)
            on_writable(c);
        else
            on_readable(c);
    }
    end_turn();
}

// Connections inherit the listener's TCP_NODELAY.
static int listening(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&at, size) < 0 || listen(fd, BACKLOG) < 0)
        die("listen");
    getsockname(fd, (struct sockaddr *)&at, &size);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
        die("epoll_ctl");
    printf("floor-per-%s 1 listening on http://127.0.0.1:%d\n", per_turn ? "turn" : "event",
           ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

static void end(int signal)
{
    (void)signal;
    _exit(0);
}

int main(int argc, char **argv)
{
    const char *per = argc == 3 && strcmp(argv[1], "--per") == 0 ? argv[2] : "";
    per_turn = strcmp(per, "turn") == 0;
    if (!per_turn && strcmp(per, "event") != 0) {
        fputs("usage: floor --per event|turn\n", stderr);
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGTERM, end);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int listener = listening();;)
        turn(listener);
}

// One connection: dial, upgrade, frames in, frames out; and the buffers that this takes.
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_SIZE = 8192, READ_SIZE = 256 * 1024, CONTROL_SIZE = 125 };
enum { ADDRESSES = 8 };  // of its own, so that it can't run out of ports
enum opcode { TEXT = 1, CLOSING = 8, WIRE_PING = 9, WIRE_PONG = 10, DEFLATED = 0xc0 };

void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(2);
}

uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// --- buffers

void *grown(void *bytes, size_t *capacity, size_t wanted, size_t unit)
{
    size_t size = *capacity ? *capacity : 64;
    while (size < wanted)
        size *= 2;
    bytes = realloc(bytes, size * unit);
    if (!bytes)
        die("memory");
    *capacity = size;
    return bytes;
}

static void reserve(struct buffer *buffer, size_t more)
{
    if (buffer->capacity < buffer->size + more)
        buffer->bytes = grown(buffer->bytes, &buffer->capacity, buffer->size + more, 1);
}

void append(struct buffer *buffer, const void *bytes, size_t size)
{
    reserve(buffer, size);
    memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
}

// Drop the first bytes, and the memory too where nothing remains.
static void drop(struct buffer *buffer, size_t size)
{
    buffer->size -= size;
    if (buffer->size) {
        memmove(buffer->bytes, buffer->bytes + size, buffer->size);
    } else {
        free(buffer->bytes);
        *buffer = (struct buffer){0};
    }
}

// --- the socket

static void watch(struct conn *c, int operation)
{
    bool to_write = c->state == CONNECTING || c->out.size;
    struct epoll_event e = {.events = EPOLLIN | (to_write ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(epoll_fd, operation, c->fd, &e) < 0)
        die("epoll_ctl");
}

static void hang_up(struct conn *c)
{
    uint64_t soon_ns = now_ns + 1000000000u;  // long enough to see who else is closed
    if (c->state == CONNECTING || c->state == UPGRADING)
        half_open--;
    close(c->fd);
    c->state = CLOSED;
    if (give_up_ns > soon_ns)
        give_up_ns = soon_ns;
}

static void broken(struct conn *c, const char *how)
{
    faults.closed++;
    problem("%s: %s", c->pk, how);
    hang_up(c);
}

static void flush(struct conn *c)
{
    ssize_t sent = send(c->fd, c->out.bytes, c->out.size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        broken(c, strerror(errno));
    else if (sent > 0)
        drop(&c->out, (size_t)sent);
}

static void transmit(struct conn *c, const void *bytes, size_t size)
{
    bool waits = c->out.size;
    append(&c->out, bytes, size);
    if (waits)
        return;
    flush(c);
    if (c->state != CLOSED && c->out.size)
        watch(c, EPOLL_CTL_MOD);
}

// A client must mask (RFC 6455, 5.3); under a key of zeros the masked bytes are the plain ones.
static void send_frame(struct conn *c, enum opcode opcode, const void *payload, size_t size)
{
    uint8_t frame[8 + UPDATE_SIZE] = {(uint8_t)(0x80 | opcode)};
    size_t header = size < 126 ? 2 : 4;
    frame[1] = (uint8_t)(0x80 | (size < 126 ? size : 126));
    if (header == 4) {
        frame[2] = (uint8_t)(size >> 8);
        frame[3] = (uint8_t)size;
    }
    memcpy(frame + header + 4, payload, size);
    transmit(c, frame, header + 4 + size);
}

void send_text(struct conn *c, const char *text, size_t size)
{
    send_frame(c, TEXT, text, size);
}

// --- the upgrade

void dial(struct conn *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)c->room->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(c - conns) % ADDRESSES);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    ask_for_stamps(c->fd);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0)
        die("bind");
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        die("connect");
    c->state = CONNECTING;
    half_open++;
    watch(c, EPOLL_CTL_ADD);
}

static void request_upgrade(struct conn *c)
{
    static const char format[] =
        "GET /parties/presence/%s?_pk=%s&token=%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: cHJlc2VuY2UtYmVuY2ghIQ==\r\n%s\r\n";
    const char *offer = offer_deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "";
    char request[REQUEST_SIZE];
    int size = snprintf(request, sizeof request, format, c->room->name, c->pk, c->token,
                        c->room->port, offer);
    if (size >= REQUEST_SIZE)
        die("a token is too long");
    c->state = UPGRADING;
    watch(c, EPOLL_CTL_MOD);
    transmit(c, request, (size_t)size);
}

// How many bytes the answer to the upgrade took, or 0 where it is not all there.
static size_t take_upgrade(struct conn *c, const uint8_t *bytes, size_t size)
{
    const uint8_t *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (memcmp(bytes, "HTTP/1.1 101", 12) == 0) {
        c->state = OPEN;
        half_open--;
        if (offer_deflate)
            agree_on_deflate(c, (const char *)bytes, (size_t)(end - bytes));
    } else {
        char how[64];
        const char *status = (const char *)bytes;
        snprintf(how, sizeof how, "refused: %.*s", (int)strcspn(status, "\r"), status);
        broken(c, how);
    }
    return (size_t)(end - bytes) + 4;
}

// --- frames in

static void on_close(struct conn *c, struct payload p)
{
    int code = p.size < 2 ? 1005 : (uint8_t)p.text[0] << 8 | (uint8_t)p.text[1];
    faults.closed++;
    problem("%s was closed: %d %.*s", c->pk, code, p.size < 2 ? 0 : (int)p.size - 2, p.text + 2);
    hang_up(c);
}

static void on_compressed(struct conn *c, struct payload frame, struct payload p)
{
    struct payload plain;
    if (c->inflating && inflated(c, p, &plain)) {
        on_message(c, frame, plain);
        return;
    }
    faults.malformed++;
    problem("%s got a compressed message that can't be inflated", c->pk);
    hang_up(c);
}

static void on_frame(struct conn *c, uint8_t first, struct payload frame, struct payload p)
{
    bool fits = (first & 0x0f) == TEXT || p.size <= CONTROL_SIZE;
    switch (fits ? first : 0) {
    case 0x80 | TEXT: on_message(c, frame, p); break;
    case DEFLATED | TEXT: on_compressed(c, frame, p); break;
    case 0x80 | WIRE_PING: send_frame(c, WIRE_PONG, p.text, p.size); break;
    case 0x80 | WIRE_PONG: break;
    case 0x80 | CLOSING: on_close(c, p); break;
    default:
        faults.malformed++;
        problem("%s got a frame of %zu bytes that starts with 0x%02x", c->pk, frame.size, first);
        hang_up(c);
    }
}

// Take the first frame; the answer is its size, or 0 where it is not all there.
size_t take_frame(struct conn *c, const uint8_t *bytes, size_t size)
{
    if (size < 2)
        return 0;
    size_t length = bytes[1], header = 2;  // with the mask bit, which no server may set
    size_t extra = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (size < header + extra)
        return 0;
    if (extra)
        for (length = 0; extra; extra--)
            length = length << 8 | bytes[header++];
    if (bytes[1] > 127) {
        faults.malformed++;
        problem("%s got a masked frame", c->pk);
        hang_up(c);
        return header;
    }
    if (length > size - header)
        return 0;
    struct payload frame = {(const char *)bytes, header + length};
    on_frame(c, bytes[0], frame, (struct payload){frame.text + header, length});
    return frame.size;
}

// Reads go to a shared buffer; only what is left of an unfinished frame moves to the connection's.
static void on_readable(struct conn *c)
{
    static uint8_t shared[READ_SIZE];
    bool alone = c->in.size > 0;
    if (alone)
        reserve(&c->in, READ_SIZE);
    ssize_t got = receive(c->fd, alone ? c->in.bytes + c->in.size : shared, READ_SIZE);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            broken(c, got ? strerror(errno) : "ended without a close frame");
        return;
    }
    counts.wire_bytes += (uint64_t)got;
    const uint8_t *bytes = alone ? c->in.bytes : shared;
    size_t size = c->in.size + (size_t)got, used = 0;
    if (c->state == UPGRADING)
        used = take_upgrade(c, bytes, size);
    if (c->state == OPEN)
        used += consume(c, bytes + used, size - used);
    if (alone) {
        c->in.size = size;
        drop(&c->in, used);
    } else if (used < size) {
        append(&c->in, bytes + used, size - used);
    }
}

void on_ready(struct conn *c, uint32_t events)
{
    if (c->state == CLOSED)
        return;
    if (c->state == CONNECTING) {
        request_upgrade(c);
        return;
    }
    if (c->out.size && events & EPOLLOUT) {
        flush(c);
        if (c->state != CLOSED && !c->out.size)
            watch(c, EPOLL_CTL_MOD);
    }
    if (c->state != CLOSED && events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        on_readable(c);
}

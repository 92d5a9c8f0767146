// When bytes came to a connection's socket, by the kernel's clock: whatever kept the generator from
// reading them does not count.
#define _GNU_SOURCE
#include "load.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

bool stamping;
uint64_t arrived_ns;

void ask_for_stamps(int fd)
{
    if (stamping && setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &(int){1}, sizeof(int)) < 0)
        die("stamps");
}

// How long ago it was: the stamp is of the wall clock, which may be set between two of ours.
static uint64_t age_ns(const struct timespec *stamp)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    int64_t age = (wall.tv_sec - stamp->tv_sec) * 1000000000 + wall.tv_nsec - stamp->tv_nsec;
    return age > 0 ? (uint64_t)age : 0;
}

static uint64_t arrival_of(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
            uint64_t age = age_ns(&stamp);
            return now_ns > age ? now_ns - age : now_ns;
        }
    return now_ns;
}

// Read, and note when it was and when the last of it came.
ssize_t receive(int fd, void *bytes, size_t size)
{
    char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec part = {bytes, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (stamping) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
    }
    ssize_t got = stamping ? recvmsg(fd, &message, 0) : recv(fd, bytes, size, 0);
    if (got > 0) {
        now_ns = clock_ns();
        arrived_ns = stamping ? arrival_of(&message) : now_ns;
    }
    return got;
}

// The connections that may be opened, from a file, and whose event it is.
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct conn *conns;
size_t listed;
static struct room *rooms;
static size_t room_count;
static struct conn **users;  // open addressing, by room and user id
static size_t users_mask;

static void index_users(size_t connections)
{
    size_t size = 16;
    while (size < 2 * connections)
        size *= 2;
    users = calloc(size, sizeof *users);
    users_mask = size - 1;
}

struct conn **user_slot(const struct room *room, struct payload user)
{
    uint64_t hash = 14695981039346656037u ^ (uintptr_t)room;
    for (size_t i = 0; i < user.size; i++)
        hash = (hash ^ (uint8_t)user.text[i]) * 1099511628211u;
    size_t at = (hash >> 16) & users_mask;
    for (; users[at]; at = (at + 1) & users_mask)
        if (users[at]->room == room && strlen(users[at]->user) == user.size &&
            memcmp(users[at]->user, user.text, user.size) == 0)
            break;
    return &users[at];
}

static struct room *room_of(const char *name, int of)
{
    struct room *last = room_count ? &rooms[room_count - 1] : NULL;
    if (!last || last->port != of || strcmp(last->name, name) != 0) {
        last = &rooms[room_count++];
        last->name = name;
        last->port = of;
    }
    return last;
}

static void read_line(struct conn *c, const char *text)
{
    char *rest = strdup(text), *room = strsep(&rest, "\t");
    c->pk = strsep(&rest, "\t");
    rest[strcspn(rest, "\n")] = '\0';
    c->token = strsep(&rest, "\t");
    c->room = room_of(room, rest ? atoi(rest) : port);
    c->index = c->room->listed++;
}

void read_list(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        die(path);
    char *text = NULL;
    size_t capacity = 0, lines = 0;
    while (getline(&text, &capacity, file) > 0)
        lines++;
    conns = calloc(lines + 1, sizeof *conns);
    rooms = calloc(lines + 1, sizeof *rooms);
    rewind(file);
    for (; listed < lines && getline(&text, &capacity, file) > 0; listed++)
        read_line(&conns[listed], text);
    free(text);
    fclose(file);
    index_users(listed);
}

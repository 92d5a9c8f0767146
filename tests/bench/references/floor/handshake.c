// The upgrade (RFC 6455, 4.2) and who it is that asks for it. The signature of the token is NOT
// verified, nothing is percent-decoded, and claims are taken from compact JSON as they stand: this
// program says what the rest costs at least, and is no server for anybody.
#define _GNU_SOURCE
#include "floor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { TOKEN_SIZE = 8192, DIGEST_SIZE = 20 };
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// --- SHA-1 of what fits into two blocks, and base64

static uint32_t rotated(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

static void digest_block(uint32_t h[5], const uint8_t *block)
{
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 80; i++)
        w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5A827999
                     : i < 40 ? (b ^ c ^ d) + 0x6ED9EBA1
                     : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC
                              : (b ^ c ^ d) + 0xCA62C1D6;
        uint32_t next = rotated(a, 5) + f + e + w[i];
        e = d, d = c, c = rotated(b, 30), b = a, a = next;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

static void sha1(struct text text, uint8_t digest[DIGEST_SIZE])
{
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    uint8_t blocks[128] = {0};
    memcpy(blocks, text.at, text.size);
    blocks[text.size] = 0x80;
    blocks[126] = (uint8_t)(text.size * 8 >> 8);
    blocks[127] = (uint8_t)(text.size * 8);
    digest_block(h, blocks);
    digest_block(h, blocks + 64);
    for (int i = 0; i < DIGEST_SIZE; i++)
        digest[i] = (uint8_t)(h[i / 4] >> (24 - i % 4 * 8));
}

// What proves that the key was read: 28 characters.
static void accept_key(struct text key, char accepted[29])
{
    char text[61];
    uint8_t digest[DIGEST_SIZE + 1] = {0};
    snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key.at);
    sha1((struct text){text, 60}, digest);
    for (int i = 0; i < 28; i++) {
        int bit = i * 6, pair = digest[bit / 8] << 8 | digest[bit / 8 + (bit / 8 < DIGEST_SIZE)];
        accepted[i] = alphabet[pair >> (10 - bit % 8) & 63];
    }
    accepted[27] = '=';
    accepted[28] = '\0';
}

static uint8_t digit(char c)
{
    const char *found = strchr(alphabet, c == '-' ? '+' : c == '_' ? '/' : c);
    return found && c ? (uint8_t)(found - alphabet) : 0;
}

// The payload of a token: what is between its dots, as JSON.
static struct text claims_of(struct text token)
{
    static char json[TOKEN_SIZE];
    const char *end = token.at + token.size, *from = memchr(token.at, '.', token.size);
    uint32_t bits = 0;
    size_t size = 0, digits = 0;
    for (from = from ? from + 1 : end; from < end && *from != '.' && size < sizeof json; from++) {
        bits = bits << 6 | digit(*from);
        if (++digits % 4 != 1)
            json[size++] = (char)(bits >> (6 - (digits - 1) % 4 * 2));
    }
    return (struct text){json, size};
}

// --- the request

// What follows `before`, up to one of `ends`.
static struct text part(const char *request, const char *before, const char *ends)
{
    const char *found = strcasestr(request, before);
    if (!found)
        return (struct text){0};
    found += strlen(before);
    return (struct text){found, strcspn(found, ends)};
}

static struct text or(struct text text, struct text otherwise)
{
    return text.size ? text : otherwise;
}

static int64_t wall_clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void make_entry(struct conn *c, struct text claims)
{
    struct text user = value(claims, "\"sub\":"), name = or(value(claims, "\"name\":"), user);
    struct text image = or(value(claims, "\"picture\":"), TEXT("null"));
    struct text role = or(value(claims, "\"role\":"), TEXT("\"commenter\""));
    struct buffer entry = {0};
    appendf(&entry, "\"userId\":%.*s", (int)user.size, user.at);
    c->id = entry.size;
    appendf(&entry, ",\"userName\":%.*s,\"userImage\":%.*s", (int)name.size, name.at,
            (int)image.size, image.at);
    c->location = entry.size;
    append(&entry, TEXT(",\"currentPath\":\"\""));
    c->rest = entry.size;
    appendf(&entry, ",\"status\":\"online\",\"role\":%.*s,\"joinedAt\":%ld", (int)role.size,
            role.at, wall_clock_ms());
    c->cursor = c->size = entry.size;
    c->entry = allocated(entry.bytes, entry.size);
}

static void greet(struct conn *c, struct text key, struct text pk, struct text claims)
{
    struct text role = or(value(claims, "\"role\":"), TEXT("\"commenter\""));
    struct text end = or(value(claims, "\"exp\":"), TEXT("0"));
    char accepted[29], answer[160];
    accept_key(key, accepted);
    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                        accepted);
    transmit(c, (struct text){answer, (size_t)size}, MSG_MORE);
    struct text welcome = message(
        "{\"type\":\"welcome\",\"version\":1,%.*s,\"connectionId\":\"%.*s\",\"role\":%.*s,"
        "\"observe\":false,\"expiresIn\":%ld,\"pingInterval\":10000}",
        (int)c->id, c->entry, (int)pk.size, pk.at, (int)role.size, role.at,
        strtol(end.at, NULL, 10) * 1000 - wall_clock_ms());
    transmit(c, welcome, MSG_MORE);
}

bool upgrade(struct conn *c, char *request)
{
    struct text room = part(request, "GET /parties/presence/", "? \r\n");
    struct text pk = part(request, "_pk=", "& \r\n"), token = part(request, "token=", "& \r\n");
    struct text key = part(request, "\r\nSec-WebSocket-Key: ", "\r\n");
    struct text claims = claims_of(token);
    if (!room.size || key.size != 24 || !value(claims, "\"sub\":").size)
        return false;
    make_entry(c, claims);
    greet(c, key, pk, claims);
    join(c, room);
    return true;
}

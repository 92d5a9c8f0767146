// Compressed messages (RFC 7692), where zlib was there to be built with.
#define _GNU_SOURCE
#include "load.h"

#include <string.h>

bool offer_deflate;

#ifdef WITH_ZLIB
#include <stdlib.h>
#include <zlib.h>

static z_stream *new_inflating(void)
{
    z_stream *z = calloc(1, sizeof *z);
    if (!z || inflateInit2(z, -MAX_WBITS) != Z_OK)
        die("zlib");
    return z;
}

// A connection whose messages lean on those before needs a window of its own; others share one.
void agree_on_deflate(struct conn *c, const char *answer, size_t size)
{
    static const char extension[] = "permessage-deflate", alone[] = "server_no_context_takeover";
    static z_stream *shared;
    if (!memmem(answer, size, extension, sizeof extension - 1))
        return;
    c->stateful = !memmem(answer, size, alone, sizeof alone - 1);
    if (!c->stateful && !shared)
        shared = new_inflating();
    c->inflating = c->stateful ? new_inflating() : shared;
}

static bool inflate_into(z_stream *z, struct buffer *out, struct payload from)
{
    z->next_in = (Bytef *)(uintptr_t)from.text;
    z->avail_in = (uInt)from.size;
    int status = Z_OK;
    do {
        if (out->capacity - out->size < 4096)
            out->bytes = grown(out->bytes, &out->capacity, out->size + 65536, 1);
        z->next_out = out->bytes + out->size;
        z->avail_out = (uInt)(out->capacity - out->size);
        status = inflate(z, Z_SYNC_FLUSH);
        out->size = out->capacity - z->avail_out;
    } while (status == Z_OK && (z->avail_in || !z->avail_out));
    return status == Z_OK || status == Z_BUF_ERROR || status == Z_STREAM_END;
}

bool inflated(struct conn *c, struct payload compressed, struct payload *plain)
{
    static struct buffer out;
    z_stream *z = c->inflating;
    if (!c->stateful)
        inflateReset(z);
    out.size = 0;
    bool whole = inflate_into(z, &out, compressed) &&
                 inflate_into(z, &out, (struct payload){"\x00\x00\xff\xff", 4});
    *plain = (struct payload){(const char *)out.bytes, out.size};
    return whole;
}

#else

void agree_on_deflate(struct conn *c, const char *answer, size_t size)
{
    if (memmem(answer, size, "permessage-deflate", 18))
        problem("%s is to inflate, and this was built without zlib", c->pk);
}

bool inflated(struct conn *c, struct payload compressed, struct payload *plain)
{
    (void)c, (void)compressed, (void)plain;
    return false;
}

#endif

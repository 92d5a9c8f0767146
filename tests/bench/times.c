// How long deliveries took: counted in buckets, 128 for each power of two of nanoseconds, so that
// any number of them takes the same memory and none is off by more than 1 %.
#include "load.h"

#include <stdio.h>
#include <string.h>

enum { BITS = 7, LINEAR = 1 << BITS, POWERS = 42 - BITS, BUCKETS = (POWERS + 1) * LINEAR };

static const char *const names[TIMES] = {[EACH] = "delivery", [LAST] = "last", [BESIDE] = "beside",
                                           [ARRIVAL] = "arrival"};
static struct {
    uint64_t count, max_ns, buckets[BUCKETS];
} all[TIMES];

static inline size_t bucket_of(uint64_t ns)
{
    if (ns < LINEAR)
        return ns;
    int power = 63 - __builtin_clzll(ns) - BITS;
    return power < POWERS ? (size_t)power * LINEAR + (size_t)(ns >> power) : BUCKETS - 1;
}

static double middle_ns(size_t bucket)
{
    if (bucket < 2 * LINEAR)
        return (double)bucket;
    size_t power = bucket / LINEAR - 1;
    return ((double)(bucket % LINEAR + LINEAR) + 0.5) * (double)(1ull << power);
}

void took(enum times which, uint64_t ns)
{
    all[which].count++;
    all[which].buckets[bucket_of(ns)]++;
    if (ns > all[which].max_ns)
        all[which].max_ns = ns;
}

static double quantile_ms(enum times which, double part)
{
    uint64_t wanted = (uint64_t)((double)(all[which].count - 1) * part), seen = 0;
    size_t bucket = 0;
    for (; bucket < BUCKETS - 1; bucket++)
        if ((seen += all[which].buckets[bucket]) > wanted)
            break;
    return middle_ns(bucket) / 1e6;
}

// Print as members of a JSON object, and forget.
void print_times(void)
{
    for (enum times which = 0; which < TIMES; which++) {
        if (!all[which].count)
            continue;
        printf("\"%s\":{\"count\":%lu,\"p50_ms\":%.5f,", names[which], all[which].count,
               quantile_ms(which, 0.5));
        printf("\"p95_ms\":%.5f,\"p99_ms\":%.5f,\"max_ms\":%.5f},", quantile_ms(which, 0.95),
               quantile_ms(which, 0.99), (double)all[which].max_ns / 1e6);
        memset(&all[which], 0, sizeof all[which]);
    }
}

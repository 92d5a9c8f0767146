// How long deliveries took: each, and the last one of each update.
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const names[] = {[EACH] = "delivery", [LAST] = "last"};
static struct {
    uint64_t *ns;
    size_t size, capacity;
} samples[sizeof names / sizeof *names];

void sample(enum samples of, uint64_t ns)
{
    if (samples[of].size == samples[of].capacity)
        samples[of].ns = grown(samples[of].ns, &samples[of].capacity, samples[of].size + 1, sizeof ns);
    samples[of].ns[samples[of].size++] = ns;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

// Print as members of a JSON object, and forget.
void print_samples(void)
{
    for (size_t of = 0; of < sizeof names / sizeof *names; of++) {
        if (!samples[of].size)
            continue;
        const uint64_t *ns = samples[of].ns;
        size_t last = samples[of].size - 1;
        qsort(samples[of].ns, samples[of].size, sizeof *ns, by_size);
        printf("\"%s_p50_ms\":%.4f,", names[of], (double)ns[last / 2] / 1e6);
        printf("\"%s_p99_ms\":%.4f,", names[of], (double)ns[last * 99 / 100] / 1e6);
        printf("\"%s_max_ms\":%.4f,", names[of], (double)ns[last] / 1e6);
        samples[of].size = 0;
    }
}

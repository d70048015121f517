// EP of the NAS Parallel Benchmarks, as the reference does it: a batch of numbers is drawn, then its
// pairs are gone through, with the C library's logarithm for those that lie in the circle.

#include "npb.h"
#include "peer.h"
#include <math.h>

enum { BATCH_LOG = 16, BATCH = 1 << BATCH_LOG, ANNULI = 10 };

static long batches;
static double sum_x, sum_y, annuli[ANNULI];

static void prepare(const long *arguments) { batches = 1L << (arguments[0] - BATCH_LOG); }

static void run(void)
{
    double all_x = 0, all_y = 0, all[ANNULI] = { 0 };
#pragma omp parallel reduction(+ : all_x, all_y, all)
    {
        static _Thread_local double numbers[2 * BATCH];
#pragma omp for schedule(static)
        for (long batch = 0; batch < batches; batch++) {
            uint64_t state = 271828183;
            npb_skip(&state, 2 * (uint64_t)BATCH * (uint64_t)batch);
            for (long i = 0; i < 2 * BATCH; i++)
                numbers[i] = npb_next(&state);
            for (long i = 0; i < BATCH; i++) {
                double x = 2.0 * numbers[2 * i] - 1.0, y = 2.0 * numbers[2 * i + 1] - 1.0;
                double t = x * x + y * y;
                if (t <= 1.0) {
                    double factor = sqrt(-2.0 * log(t) / t);
                    x *= factor, y *= factor;
                    all[(int)fmax(fabs(x), fabs(y))] += 1.0;
                    all_x += x, all_y += y;
                }
            }
        }
    }
    sum_x = all_x, sum_y = all_y;
    for (int k = 0; k < ANNULI; k++)
        annuli[k] = all[k];
}

static double check(void) { return sum_x + sum_y; }

const struct row npb_ep_rows[] = { { "npb_ep", prepare, run, check }, { 0 } };

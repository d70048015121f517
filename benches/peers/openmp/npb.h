// What the ports of the NAS Parallel Benchmarks share: their generator, as the reference's variant in
// 64-bit integers has it, which is the fastest of its variants here.

#ifndef GRISTMILL_NPB_H
#define GRISTMILL_NPB_H

#include <stdint.h>

enum { NPB_BITS = 46 };
static const uint64_t npb_multiplier = 1220703125, npb_mask = ((uint64_t)1 << NPB_BITS) - 1;
static const double npb_unit = 1.0 / (double)((uint64_t)1 << NPB_BITS);

// Multiplies the state, and gives it.
static inline uint64_t npb_multiply(uint64_t *state, uint64_t factor)
{
    return *state = *state * factor & npb_mask;
}

// The next number, uniform over (0, 1).
static inline double npb_next(uint64_t *state)
{
    return npb_unit * (double)npb_multiply(state, npb_multiplier);
}

// Leaves out `count` numbers.
static inline void npb_skip(uint64_t *state, uint64_t count)
{
    for (uint64_t square = npb_multiplier; count; count /= 2) {
        if (count % 2)
            npb_multiply(state, square);
        npb_multiply(&square, square);
    }
}

#endif

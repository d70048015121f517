// Vectors of doubles, as wide as the machine's, in the C compiler's own terms.

#ifndef GRISTMILL_LANES_H
#define GRISTMILL_LANES_H

#include <stdint.h>

// Wider ones than the machine has are kept in memory by the compiler.
#ifdef __AVX512F__
enum { WIDTH = 8 };
#else
enum { WIDTH = 4 };
#endif
typedef double lanes __attribute__((vector_size(WIDTH * sizeof(double))));
typedef int64_t ints __attribute__((vector_size(WIDTH * sizeof(double))));

static inline lanes all(double value)
{
    return value - (lanes){ 0 };
}

// `yes` where the mask is all ones, `no` where it is 0.
static inline lanes choose(ints mask, lanes yes, lanes no)
{
    return (lanes)((mask & (ints)yes) | (~mask & (ints)no));
}

// Uniform over [0, 1), a function of the number alone: see `unit` of the Rust side.
static inline double unit(uint64_t number)
{
    uint64_t x = (number + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
    x ^= x >> 32;
    return (double)(x >> 11) * 0x1p-53;
}

#endif

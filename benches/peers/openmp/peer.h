// What the rows of the OpenMP peer share: how a row is written, how its memory is had.

#ifndef GRISTMILL_PEER_H
#define GRISTMILL_PEER_H

#include <stddef.h>
#include <stdint.h>

// One row: `prepare` makes its data, once; `run` does the work once and is timed; what `check`
// returns is compared with what must come out, where the row says that. `arguments` are the row's sizes, as on the command line.
struct row {
    const char *name;
    void (*prepare)(const long *arguments);
    void (*run)(void);
    double (*check)(void);
};

extern const struct row compute_rows[], linear_rows[], memory_rows[], option_rows[], roof_rows[],
    step_rows[];
// In the program that is linked with OpenBLAS.
extern const struct row blas_rows[];
extern const struct row npb_cg_rows[], npb_ep_rows[], npb_is_rows[];
extern const struct row sorting_rows[];

// `bytes` at a page's start, untouched: whoever writes a page first has it near.
void *untouched(size_t bytes);

#define f64_array(n) ((double *)untouched((size_t)(n) * sizeof(double)))
#define u64_array(n) ((uint64_t *)untouched((size_t)(n) * sizeof(uint64_t)))
#define u32_array(n) ((uint32_t *)untouched((size_t)(n) * sizeof(uint32_t)))
#define u16_array(n) ((uint16_t *)untouched((size_t)(n) * sizeof(uint16_t)))

#endif

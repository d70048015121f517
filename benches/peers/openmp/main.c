// The OpenMP peer: `peer ROW SIZES…` prepares a row, says "ready", and runs it once for each line
// that it reads, answering each with the seconds that it took and the row's check value.
//
// Threads, their places and how they wait are OpenMP's own variables, set by whoever starts this.

#define _GNU_SOURCE
#include "peer.h"
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ARGUMENTS = 8 };

void *untouched(size_t bytes)
{
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) {
        perror("the OpenMP peer has no memory");
        exit(1);
    }
    return start;
}

static const struct row *find(const char *name)
{
    const struct row *const tables[] = {
        compute_rows, linear_rows, memory_rows, npb_cg_rows, npb_ep_rows, npb_is_rows,
        option_rows, roof_rows, sorting_rows, step_rows,
#ifdef OPENBLAS
        blas_rows,
#endif
    };
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct row *row = tables[t]; row->name; row++)
            if (strcmp(row->name, name) == 0)
                return row;
    fprintf(stderr, "the OpenMP peer has no row %s\n", name);
    exit(2);
}

int main(int count, char **words)
{
    long arguments[ARGUMENTS] = { 0 };
    for (int i = 2; i < count && i < ARGUMENTS + 2; i++)
        arguments[i - 2] = atol(words[i]);
    const struct row *row = find(count > 1 ? words[1] : "");
    row->prepare(arguments);
    puts("ready");
    fflush(stdout);
    for (char line[16]; fgets(line, sizeof line, stdin);) {
        // The team wakes up before the clock starts: it may have been stopped since the last turn.
#pragma omp parallel
        {
        }
        double start = omp_get_wtime();
        row->run();
        double took = omp_get_wtime() - start;
        printf("%.9f %.17g\n", took, row->check());
        fflush(stdout);
    }
    return 0;
}

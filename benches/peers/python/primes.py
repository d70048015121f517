"""A function that only computes: the primes of a range are counted, by trial division."""

PIECES = 16


def count_primes(piece):
    first, end = piece
    count = 0
    for n in range(first, end):
        divisor = 2
        while divisor * divisor <= n and n % divisor:
            divisor += 1
        count += n > 1 and divisor * divisor > n
    return count


def pieces(limit):
    """Ranges that are those below the limit together."""
    edges = [limit * at // PIECES for at in range(PIECES + 1)]
    return list(zip(edges, edges[1:]))

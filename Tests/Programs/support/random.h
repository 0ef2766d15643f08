/*
 * random.h — a small generator whose whole state is one word, so that a seed printed by a failing
 * run repeats it (SplitMix64).
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

typedef struct {
  uint64_t state;
} random_t;

static inline uint64_t random_next(random_t *random) {
  uint64_t value = (random->state += 0x9E3779B97F4A7C15u);
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

/* A number in 0 ..< bound; bound must not be 0. */
static inline uint64_t random_below(random_t *random, uint64_t bound) {
  return random_next(random) % bound;
}

#endif

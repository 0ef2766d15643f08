/*
 * random.h — the decisions of a randomised program: from a small generator whose whole state is one
 * word, so that a seed printed by a failing run repeats it (SplitMix64), or from a fuzzer's input.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint64_t state;
  /* What decides instead, if not NULL, as long as it lasts. */
  const uint8_t *input;
  size_t left;
} random_t;

static inline uint64_t random_next(random_t *random) {
  uint64_t value = (random->state += 0x9E3779B97F4A7C15u);
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

/* The next decision in 0 ..< bound; bound must not be 0. Takes as few bytes of the input as hold
 * bound - 1; one that has ended is 0 for ever. */
static inline uint64_t random_below(random_t *random, uint64_t bound) {
  if (random->input == NULL) {
    return random_next(random) % bound;
  }
  uint64_t value = 0;
  for (uint64_t rest = bound - 1; rest > 0 && random->left > 0; rest >>= 8) {
    value = value << 8 | *random->input++;
    random->left--;
  }
  return value % bound;
}

static inline bool random_has_ended(const random_t *random) {
  return random->input != NULL && random->left == 0;
}

#endif

/* What the compilers under test compile: generated tables, recursion and the C library. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEN(x) x, x + 1, x + 2, x + 3, x + 4, x + 5, x + 6, x + 7, x + 8, x + 9
#define HUNDRED(x)                                                                                 \
  TEN(x), TEN(x + 10), TEN(x + 20), TEN(x + 30), TEN(x + 40), TEN(x + 50), TEN(x + 60),            \
      TEN(x + 70), TEN(x + 80), TEN(x + 90)
#define THOUSAND(x)                                                                                \
  HUNDRED(x), HUNDRED(x + 100), HUNDRED(x + 200), HUNDRED(x + 300), HUNDRED(x + 400),              \
      HUNDRED(x + 500), HUNDRED(x + 600), HUNDRED(x + 700), HUNDRED(x + 800), HUNDRED(x + 900)

static const int table[] = {THOUSAND(0), THOUSAND(1000), THOUSAND(2000), THOUSAND(3000)};

static int compare(const void *first, const void *second) {
  return *(const int *)second - *(const int *)first;
}

int main(void) {
  int *copy = malloc(sizeof table);
  if (copy == NULL) {
    return 1;
  }
  memcpy(copy, table, sizeof table);
  qsort(copy, sizeof table / sizeof table[0], sizeof table[0], compare);
  printf("%d %d\n", copy[0], copy[1000]);
  free(copy);
  return 0;
}

/*
 * Loads the library into a running process and uses it by dlsym beside the C library's heap: from
 * several threads, across fork, and past dlclose, which must not take code away from threads that
 * still end in it.
 *
 *   dlopen_library LIBRARY local|global
 */
#include "interface.h"
#include "threads.h"
#include <semaphore.h>

static __typeof__(&hakmem_malloc) allocate;
static __typeof__(&hakmem_free) release;
static __typeof__(&hakmem_realloc) resize;
static sem_t ready, closed;

static void use(void) {
  unsigned char *blocks[200];
  for (size_t i = 0; i < 200; i++) {
    blocks[i] = allocate(i * i);
    CHECK(blocks[i] != NULL && is_aligned(blocks[i], 16));
    memset(blocks[i], (int)i, i * i);
  }
  for (size_t i = 0; i < 200; i++) {
    blocks[i] = resize(blocks[i], i * 100 + 1);
    CHECK(blocks[i] != NULL);
    CHECK(i < 101 ? holds(blocks[i], i * i, (unsigned char)i)
                  : holds(blocks[i], i * 100 + 1, (unsigned char)i));
    release(blocks[i]);
  }
}

static void *use_until_closed(void *unused) {
  use();
  void *mine = malloc(1000);
  sem_post(&ready);
  sem_wait(&closed);
  free(mine);
  return unused;
}

int main(int count, char **arguments) {
  CHECK(count == 3);
  void *before = malloc(1000), *large_before = malloc((size_t)4 << 20);
  int scope = strcmp(arguments[2], "global") == 0 ? RTLD_GLOBAL : RTLD_LOCAL;
  void *library = dlopen(arguments[1], RTLD_NOW | scope);
  CHECK_THAT(library != NULL, "%s", dlerror());
  allocate = (__typeof__(allocate))dlsym(library, "hakmem_malloc");
  release = (__typeof__(release))dlsym(library, "hakmem_free");
  resize = (__typeof__(resize))dlsym(library, "hakmem_realloc");
  CHECK(allocate != NULL && release != NULL && resize != NULL);

  CHECK(sem_init(&ready, 0, 0) == 0 && sem_init(&closed, 0, 0) == 0);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    threads[i] = start(use_until_closed, NULL);
  }
  for (int i = 0; i < 4; i++) {
    sem_wait(&ready);
  }
  use();
  use_the_heap(1);
  pid_t process = fork();
  CHECK(process >= 0);
  if (process == 0) {
    alarm(60);
    use();
    use_the_heap(2);
    _exit(0);
  }
  expect_exit_0(process);
  free(before);
  free(large_before);

  CHECK(dlclose(library) == 0);
  for (int i = 0; i < 4; i++) {
    sem_post(&closed);
  }
  for (int i = 0; i < 4; i++) {
    join(threads[i]);
  }
  for (int i = 0; i < 50; i++) {
    library = dlopen(arguments[1], RTLD_NOW | scope);
    CHECK_THAT(library != NULL, "%s", dlerror());
    use();
    CHECK(dlclose(library) == 0);
  }
  use_the_heap(3);
  return 0;
}

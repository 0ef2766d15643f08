/*
 * The background thread (HAKMEM_BACKGROUND=1), seen from the program it serves.
 *
 *   background prewarm MIB      memory is made ready by it, not by the program's threads
 *   background purge            what ages in vain goes back although no call comes
 *   background grow             a heap that grows gets its pages from it
 *   background zero             calloc gets kept blocks that it has cleared
 *   background collapse YES     dense memory becomes huge pages, unless YES is 0
 *   background signals          it receives none of the program's signals
 *   background fork             forks while it works; the children get one of their own
 *   background gate             while the gate is closed it changes nothing
 *   background refused          the kernel makes no more threads: one message, and all goes on
 */
#include "interface.h"
#include "resident.h"
#include "random.h"
#include <dirent.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

static void rest(long milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  while (nanosleep(&time, &time) != 0) {
  }
}

/* The number of the thread named «hakmem»; 0 when there is none. */
static long background_thread(void) {
  long found = 0;
  DIR *folder = opendir("/proc/self/task");
  CHECK(folder != NULL);
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    char path[300], name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
      if (fgets(name, sizeof name, file) != NULL && strcmp(name, "hakmem\n") == 0) {
        found = atol(entry->d_name);
      }
      fclose(file);
    }
  }
  closedir(folder);
  return found;
}

static void use_the_heap(void **blocks, int count) {
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(100 + (size_t)i % 2000);
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 1, 100);
  }
  for (int i = 0; i < count; i++) {
    free(blocks[i]);
  }
}

static void wait_for(bool (*holds_now)(void), const char *what) {
  for (int i = 0; i < 500 && !holds_now(); i++) {
    rest(20);
  }
  CHECK_THAT(holds_now(), "%s", what);
}

static bool exists(void) { return background_thread() != 0; }

static size_t goal;
static bool is_resident(void) { return resident_bytes() > goal; }
static bool is_small(void) { return resident_bytes() < goal; }

/* Pages that the calling thread got so far. */
static long own_pages(void) {
  struct rusage usage;
  CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
  return usage.ru_minflt;
}

static void prewarm(size_t mebibytes) {
  goal = mebibytes << 20;
  wait_for(is_resident, "nobody made the memory ready");
  CHECK_THAT(own_pages() < (long)(goal >> 13), "the first thread got %ld pages", own_pages());
}

/* Bursts teach the heap that memory is wanted again soon; then nobody calls any more. */
static void purge(void) {
  enum { count = 20000 };
  static void *blocks[count];
  size_t before = resident_bytes();
  for (int i = 0; i < 20; i++) {
    use_the_heap(blocks, count);
    rest(30);
  }
  size_t kept = resident_bytes();
  /* A half and more of what the heap keeps; the thread's own cache stays. */
  goal = before + (kept - before) / 2;
  CHECK_THAT(kept > before + ((size_t)10 << 20), "%zu and %zu bytes: nothing was kept", before, kept);
  wait_for(is_small, "kept memory does not go back");
}

static void grow(void) {
  enum { steps = 30, step_bytes = 3 << 20, size = 1000 };
  long before = own_pages();
  for (int step = 0; step < steps; step++) {
    for (int i = 0; i < step_bytes / size; i++) {
      char *block = malloc(size);
      CHECK(block != NULL);
      memset(block, 1, size);
    }
    rest(40);
  }
  long pages = own_pages() - before, all = (long)steps * step_bytes / sysconf(_SC_PAGESIZE);
  CHECK_THAT(pages < all * 2 / 3, "%ld of %ld pages", pages, all);
}

static void zero(void) {
  enum { bytes = 5 << 20 };
  long before = 0;
  for (int i = 0; i < 18; i++) {
    if (i == 10) {
      before = own_pages();
    }
    char *block = calloc(1, bytes);
    CHECK(block != NULL && holds(block, bytes, 0));
    memset(block, i, bytes);
    free(block);
    rest(300);
  }
  long pages = own_pages() - before, all = 8L * bytes / sysconf(_SC_PAGESIZE);
  /* On a busy machine the thread may come too late for some of the blocks. */
  CHECK_THAT(pages <= all * 3 / 4, "%ld of %ld pages", pages, all);
}

static bool is_huge(void) { return rollup_bytes("AnonHugePages") >= goal; }

static void collapse(bool is_expected) {
  enum { count = 160000, size = 200 };
  static unsigned char *blocks[count];
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(size);
    CHECK(blocks[i] != NULL);
    memset(blocks[i], i, size);
  }
  goal = (size_t)count * size / 2;
  if (is_expected) {
    wait_for(is_huge, "dense memory does not become huge pages");
  } else {
    rest(4000);
    CHECK(rollup_bytes("AnonHugePages") == 0);
  }
  for (int i = 0; i < count; i++) {
    CHECK(holds(blocks[i], size, (unsigned char)i));
    free(blocks[i]);
  }
  goal = (size_t)8 << 20;
  wait_for(is_small, "what was a huge page does not go back");
}

static volatile sig_atomic_t seen_in;
static void note(int number) {
  (void)number;
  seen_in = (sig_atomic_t)syscall(SYS_gettid);
}

/* The only thread of the program that takes signals blocks them: they must wait. */
static void signals(void) {
  wait_for(exists, "there is no background thread");
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  signal(SIGUSR1, note);
  CHECK(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0);
  CHECK(kill(getpid(), SIGUSR1) == 0);
  rest(100);
  CHECK_THAT(seen_in == 0, "the background thread took a signal");
  CHECK(pthread_sigmask(SIG_SETMASK, &none, NULL) == 0);
  CHECK(seen_in == getpid());
}

static void forks(void) {
  enum { count = 5000 };
  static void *blocks[count];
  wait_for(exists, "there is no background thread");
  for (int i = 0; i < 100; i++) {
    use_the_heap(blocks, count);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      alarm(20);
      CHECK_THAT(!exists(), "a child inherited the thread");
      use_the_heap(blocks, count);
      if (i % 10 == 0) {
        wait_for(exists, "a child has no thread of its own");
        use_the_heap(blocks, count);
      }
      _exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_THAT(status == 0, "child %d ended with %x", i, status);
  }
}

static void gate(void) {
  enum { count = 20000 };
  static void *blocks[count];
  static hakmem_statistics_t first, last;
  void (*close_gate)(void) = AVAILABLE(malloc_disable), (*open_gate)(void) = AVAILABLE(malloc_enable);
  wait_for(exists, "there is no background thread");
  for (int i = 0; i < 20; i++) {
    use_the_heap(blocks, count);
    close_gate();
    AVAILABLE(hakmem_statistics)(&first, sizeof first);
    rest(40);
    AVAILABLE(hakmem_statistics)(&last, sizeof last);
    CHECK_THAT(memcmp(&first, &last, sizeof first) == 0, "the heap changed behind the gate");
    open_gate();
  }
}

/* `clone` answers EAGAIN from now on, as beyond RLIMIT_NPROC. */
static void refuse_threads(void) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void refused(char **arguments) {
  enum { count = 20000 };
  static void *blocks[count];
  if (getenv("HAKMEM_TEST_REFUSED") == NULL) {
    refuse_threads();
    setenv("HAKMEM_TEST_REFUSED", "1", 1);
    execv("/proc/self/exe", arguments);
    CHECK(false);
  }
  CHECK(!exists());
  for (int i = 0; i < 10; i++) {
    use_the_heap(blocks, count);
  }
  CHECK(!exists());
}

int main(int count, char **arguments) {
  if (!runs_on_hakmem()) {
    SKIP("HAKMEM_BACKGROUND");
    return 0;
  }
  CHECK(count >= 2);
  alarm(60);
  const char *part = arguments[1];
  if (strcmp(part, "prewarm") == 0) {
    prewarm((size_t)atoi(arguments[2]));
  } else if (strcmp(part, "purge") == 0) {
    purge();
  } else if (strcmp(part, "grow") == 0) {
    grow();
  } else if (strcmp(part, "zero") == 0) {
    zero();
  } else if (strcmp(part, "collapse") == 0) {
    collapse(atoi(arguments[2]) != 0);
  } else if (strcmp(part, "signals") == 0) {
    signals();
  } else if (strcmp(part, "fork") == 0) {
    forks();
  } else if (strcmp(part, "gate") == 0) {
    gate();
  } else if (strcmp(part, "refused") == 0) {
    refused(arguments);
  } else {
    CHECK_THAT(false, "no part is named %s", part);
  }
  return 0;
}

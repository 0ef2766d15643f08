/*
 * A library that leaves destructors behind: of static objects, of thread-local objects, and at
 * exit. All of them use the heap.
 */
#include "check.h"
#include <string>
#include <vector>

namespace {

struct Holder {
  std::vector<std::string> strings;

  Holder() { grow(); }
  ~Holder() { grow(); }

  void grow() {
    for (std::size_t i = 0; i < 100; i++) {
      strings.push_back(std::string(i * 10, 'x'));
    }
  }
};

Holder of_the_library;
thread_local Holder of_the_thread;

void at_exit() {
  void *block = std::malloc(3000);
  CHECK(block != nullptr);
  std::free(block);
}

int registered = std::atexit(at_exit);

} // namespace

extern "C" void *plugin_work(void *block) {
  std::free(block);
  of_the_thread.grow();
  of_the_library.strings.reserve(static_cast<std::size_t>(registered) + 10);
  return std::malloc(of_the_thread.strings.size());
}

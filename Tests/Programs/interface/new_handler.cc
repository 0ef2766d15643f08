/*
 * The new-handler loop: operator new calls the handler until memory is found, the handler throws,
 * or there is no handler any more; the nothrow forms turn the exception into NULL.
 */
#include "check.h"
#include <new>

namespace {

const std::size_t impossible = opaque_size(PTRDIFF_MAX);
int calls;

struct FromHandler : std::bad_alloc {};

void gives_up_at_the_third_call() {
  if (++calls == 3) {
    std::set_new_handler(nullptr);
  }
}

void throws() {
  calls++;
  throw FromHandler{};
}

template <typename Allocate> void loops_until_the_handler_is_gone(Allocate allocate) {
  calls = 0;
  std::set_new_handler(gives_up_at_the_third_call);
  bool thrown = false;
  try {
    opaque(allocate());
  } catch (const std::bad_alloc &) {
    thrown = true;
  }
  CHECK(thrown);
  CHECK_THAT(calls == 3, "%d calls", calls);
}

template <typename Allocate> void passes_the_handlers_exception(Allocate allocate) {
  calls = 0;
  std::set_new_handler(throws);
  bool thrown = false;
  try {
    opaque(allocate());
  } catch (const FromHandler &) {
    thrown = true;
  }
  CHECK(thrown && calls == 1);
}

template <typename Allocate> void nothrow_returns_null(Allocate allocate) {
  calls = 0;
  std::set_new_handler(throws);
  CHECK(allocate() == nullptr);
  CHECK(calls == 1);
  calls = 0;
  std::set_new_handler(gives_up_at_the_third_call);
  CHECK(allocate() == nullptr);
  CHECK(calls == 3);
}

} // namespace

int main() {
  const std::align_val_t aligned{128};
  loops_until_the_handler_is_gone([] { return ::operator new(impossible); });
  loops_until_the_handler_is_gone([] { return ::operator new[](impossible); });
  loops_until_the_handler_is_gone([=] { return ::operator new(impossible, aligned); });
  loops_until_the_handler_is_gone([=] { return ::operator new[](impossible, aligned); });
  passes_the_handlers_exception([] { return ::operator new(impossible); });
  passes_the_handlers_exception([] { return ::operator new[](impossible); });
  passes_the_handlers_exception([=] { return ::operator new(impossible, aligned); });
  passes_the_handlers_exception([=] { return ::operator new[](impossible, aligned); });
  nothrow_returns_null([] { return ::operator new(impossible, std::nothrow); });
  nothrow_returns_null([] { return ::operator new[](impossible, std::nothrow); });
  nothrow_returns_null([=] { return ::operator new(impossible, aligned, std::nothrow); });
  nothrow_returns_null([=] { return ::operator new[](impossible, aligned, std::nothrow); });
  return 0;
}

/*
 * The 20 forms of operator new and delete: alignment, failure by exception and by NULL, and every
 * delete that may follow each new.
 */
#include "check.h"
#include <new>

namespace {

const std::size_t sizes[] = {0, 1, 8, 16, 24, 100, 1024, 1040, 4097, 40000, 1 << 20, 3 << 20};
const std::align_val_t alignments[] = {std::align_val_t{1},    std::align_val_t{16},
                                       std::align_val_t{32},   std::align_val_t{64},
                                       std::align_val_t{4096}, std::align_val_t{1 << 21}};
const std::size_t impossible = opaque_size(PTRDIFF_MAX);

void *usable(void *block, std::size_t size, std::size_t alignment = 16) {
  CHECK(block != nullptr);
  CHECK(is_aligned(block, alignment));
  CHECK(malloc_usable_size(block) >= size);
  touch(block, size);
  return block;
}

void every_new_is_followed_by_every_delete() {
  for (std::size_t size : sizes) {
    ::operator delete(usable(::operator new(size), size));
    ::operator delete(usable(::operator new(size), size), size);
    ::operator delete(usable(::operator new(size), size), std::nothrow);
    ::operator delete(usable(::operator new(size, std::nothrow), size));
    ::operator delete(usable(::operator new(size, std::nothrow), size), size);
    ::operator delete(usable(::operator new(size, std::nothrow), size), std::nothrow);
    ::operator delete[](usable(::operator new[](size), size));
    ::operator delete[](usable(::operator new[](size), size), size);
    ::operator delete[](usable(::operator new[](size), size), std::nothrow);
    ::operator delete[](usable(::operator new[](size, std::nothrow), size));
    ::operator delete[](usable(::operator new[](size, std::nothrow), size), size);
    ::operator delete[](usable(::operator new[](size, std::nothrow), size), std::nothrow);
  }
}

void every_aligned_new_is_followed_by_every_aligned_delete() {
  for (std::align_val_t aligned : alignments) {
    std::size_t alignment = static_cast<std::size_t>(aligned);
    for (std::size_t size : sizes) {
      void *block = usable(::operator new(size, aligned), size, alignment);
      ::operator delete(block, aligned);
      block = usable(::operator new(size, aligned), size, alignment);
      ::operator delete(block, size, aligned);
      block = usable(::operator new(size, aligned, std::nothrow), size, alignment);
      ::operator delete(block, aligned, std::nothrow);
      block = usable(::operator new[](size, aligned), size, alignment);
      ::operator delete[](block, aligned);
      block = usable(::operator new[](size, aligned), size, alignment);
      ::operator delete[](block, size, aligned);
      block = usable(::operator new[](size, aligned, std::nothrow), size, alignment);
      ::operator delete[](block, aligned, std::nothrow);
    }
  }
}

void delete_ignores_null() {
  std::align_val_t aligned{64};
  ::operator delete(opaque(nullptr));
  ::operator delete (opaque(nullptr), std::size_t{8});
  ::operator delete(opaque(nullptr), std::nothrow);
  ::operator delete(opaque(nullptr), aligned);
  ::operator delete (opaque(nullptr), std::size_t{8}, aligned);
  ::operator delete(opaque(nullptr), aligned, std::nothrow);
  ::operator delete[](opaque(nullptr));
  ::operator delete[](opaque(nullptr), std::size_t{8});
  ::operator delete[](opaque(nullptr), std::nothrow);
  ::operator delete[](opaque(nullptr), aligned);
  ::operator delete[](opaque(nullptr), std::size_t{8}, aligned);
  ::operator delete[](opaque(nullptr), aligned, std::nothrow);
}

/* Checks that `allocate` ends in std::bad_alloc and that destructors on the way out run. */
template <typename Allocate> bool throws_bad_alloc(Allocate allocate) {
  struct Witness {
    int &count;
    ~Witness() { count++; }
  };
  int unwound = 0;
  try {
    Witness witness{unwound};
    void *block = opaque(allocate());
    ::operator delete(block);
  } catch (const std::bad_alloc &error) {
    return unwound == 1 && error.what() != nullptr;
  }
  return false;
}

void impossible_sizes_throw_bad_alloc() {
  std::align_val_t aligned{64};
  for (int round = 0; round < 1000; round++) {
    CHECK(throws_bad_alloc([] { return ::operator new(impossible); }));
    CHECK(throws_bad_alloc([] { return ::operator new[](impossible); }));
    CHECK(throws_bad_alloc([=] { return ::operator new(impossible, aligned); }));
    CHECK(throws_bad_alloc([=] { return ::operator new[](impossible, aligned); }));
  }
  CHECK(throws_bad_alloc([] { return ::operator new(SIZE_MAX); }));
}

void nothrow_forms_return_null() {
  std::align_val_t aligned{64};
  CHECK(::operator new(impossible, std::nothrow) == nullptr);
  CHECK(::operator new[](impossible, std::nothrow) == nullptr);
  CHECK(::operator new(impossible, aligned, std::nothrow) == nullptr);
  CHECK(::operator new[](impossible, aligned, std::nothrow) == nullptr);
}

struct alignas(256) Aligned {
  char bytes[300];
};

void expressions_use_them() {
  for (int round = 0; round < 1000; round++) {
    Aligned *one = new Aligned, *many = new Aligned[7];
    CHECK(is_aligned(one, 256) && is_aligned(many, 256));
    int *numbers = new int[static_cast<std::size_t>(round)];
    delete one;
    delete[] many;
    delete[] numbers;
  }
}

} // namespace

int main() {
  every_new_is_followed_by_every_delete();
  every_aligned_new_is_followed_by_every_aligned_delete();
  delete_ignores_null();
  impossible_sizes_throw_bad_alloc();
  nothrow_forms_return_null();
  expressions_use_them();
  return 0;
}

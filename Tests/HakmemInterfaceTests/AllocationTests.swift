import HakmemTestSupport
import Testing

/// Each allocation function and each of its errors; the checks are in Tests/Programs/interface.
@Suite struct `The allocation functions` {
  @Test func `malloc aligns to 16, keeps blocks apart and fails with ENOMEM`() throws {
    try expectSuccess(of: "interface/malloc.c")
  }

  @Test func `free ignores NULL, keeps errno and takes blocks of any thread`() throws {
    try expectSuccess(of: "interface/free.c")
  }

  @Test func `calloc gives zeros in memory that was used before, from 1 byte to 64 MiB`() throws {
    try expectSuccess(of: "interface/calloc.c")
  }

  @Test func `realloc keeps contents across every border and the block on failure`() throws {
    try expectSuccess(of: "interface/realloc.c")
  }

  @Test func `reallocarray checks its product and reallocf frees on failure`() throws {
    try expectSuccess(of: "interface/reallocarray.c")
  }

  @Test func `aligned requests are served up to 1 GiB and bad alignments refused`() throws {
    try expectSuccess(of: "interface/aligned.c")
  }

  @Test func `valloc and pvalloc align to pages`() throws {
    try expectSuccess(of: "interface/pages.c")
  }

  @Test func `malloc_usable_size tells what may be written`() throws {
    try expectSuccess(of: "interface/usable_size.c")
  }

  @Test func `free_sized, free_aligned_sized and cfree free`() throws {
    try expectSuccess(of: "interface/sized_free.c")
  }

  @Test func `hakmem_malloc and family share the heap of the standard names`() throws {
    try expectSuccess(of: "interface/hakmem_names.c")
  }
}

@Suite struct `The C++ operators` {
  @Test func `each new is aligned, throws bad_alloc, and is undone by each delete`() throws {
    try expectSuccess(of: "interface/operators.cc")
  }

  @Test func `new calls the new-handler until it gives up or throws`() throws {
    try expectSuccess(of: "interface/new_handler.cc")
  }
}

/// The functions that an allocator replaces.
package enum AllocationFunctions {
  /// The C functions by which memory is taken and given back.
  package static let c = [
    "malloc", "free", "calloc", "realloc", "reallocarray", "posix_memalign", "aligned_alloc",
    "memalign", "valloc", "pvalloc", "malloc_usable_size", "free_sized", "free_aligned_sized",
  ]

  /// glibc's functions that tune or describe the heap.
  package static let introspection = [
    "mallopt", "mallinfo", "mallinfo2", "malloc_trim", "malloc_stats", "malloc_info",
  ]

  /// C++'s operators: symbol and how people write it.
  package static let cxx: [(symbol: String, name: String)] = [
    ("_Znwm", "operator new"), ("_Znam", "operator new[]"),
    ("_ZnwmSt11align_val_t", "operator new (aligned)"),
    ("_ZnamSt11align_val_t", "operator new[] (aligned)"),
    ("_ZnwmRKSt9nothrow_t", "operator new (nothrow)"),
    ("_ZnamRKSt9nothrow_t", "operator new[] (nothrow)"),
    ("_ZdlPv", "operator delete"), ("_ZdaPv", "operator delete[]"),
    ("_ZdlPvm", "operator delete (sized)"), ("_ZdaPvm", "operator delete[] (sized)"),
    ("_ZdlPvSt11align_val_t", "operator delete (aligned)"),
    ("_ZdaPvSt11align_val_t", "operator delete[] (aligned)"),
  ]

  /// Every symbol, in the order in which reports name them.
  package static let symbols = c + cxx.map(\.symbol) + introspection

  /// The functions without which a process has two heaps: one allocates what another frees.
  package static let core = ["malloc", "free", "calloc", "realloc"]

  private static let names = Dictionary(uniqueKeysWithValues: cxx.map { ($0.symbol, $0.name) })

  /// How people write the function with this symbol.
  package static func name(_ symbol: String) -> String { names[symbol] ?? symbol }
}

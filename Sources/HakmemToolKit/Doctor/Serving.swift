/// Which object serves which allocation functions.
package struct Serving: Codable, Equatable, Sendable {
  /// Path of the object.
  package var object: String
  /// What kind of object it is: "HAKMEM", "glibc", "jemalloc", "C++ runtime" …
  package var kind: String
  /// Symbols, in the order of `AllocationFunctions.symbols`.
  package var functions: [String]

  /// Groups the allocation functions by the object that serves them.
  package static func table(_ scope: SymbolScope) -> [Serving] {
    var rows: [Serving] = []
    for symbol in AllocationFunctions.symbols {
      guard let server = scope.server(of: symbol) else { continue }
      if let index = rows.firstIndex(where: { $0.object == server.path }) {
        rows[index].functions.append(symbol)
      } else {
        rows.append(Serving(object: server.path, kind: kind(server), functions: [symbol]))
      }
    }
    return rows
  }

  private static let kinds: [(prefix: String, kind: String)] = [
    ("libhakmem", "HAKMEM"), ("libc.so", "glibc"), ("libc-2", "glibc"), ("ld-linux", "loader"),
    ("ld-musl", "musl"), ("libc.musl", "musl"), ("libstdc++", "C++ runtime"),
    ("libc++", "C++ runtime"), ("libjemalloc", "jemalloc"), ("jemalloc", "jemalloc"),
    ("libtcmalloc", "tcmalloc"), ("tcmalloc", "tcmalloc"), ("libmimalloc", "mimalloc"),
    ("mimalloc", "mimalloc"), ("libsnmalloc", "snmalloc"), ("snmalloc", "snmalloc"),
    ("librpmalloc", "rpmalloc"), ("rpmalloc", "rpmalloc"),
    ("libhardened_malloc", "hardened_malloc"),
    ("libscudo", "Scudo"), ("libasan", "AddressSanitizer"), ("libhwasan", "HWAddressSanitizer"),
    ("libtsan", "ThreadSanitizer"), ("liblsan", "LeakSanitizer"), ("libmsan", "MemorySanitizer"),
    ("libclang_rt.asan", "AddressSanitizer"), ("libclang_rt.hwasan", "HWAddressSanitizer"),
    ("libclang_rt.tsan", "ThreadSanitizer"), ("libclang_rt.lsan", "LeakSanitizer"),
    ("libclang_rt.msan", "MemorySanitizer"), ("libdislocator", "libdislocator"),
    ("libgcc_s", "compiler runtime"), ("vgpreload", "valgrind"),
  ]

  /// The kind of an object, by its name: "other" for a program and for an unknown library.
  package static func kind(_ object: LoadedObject) -> String {
    let file = object.path.split(separator: "/").last.map(String.init) ?? object.path
    for name in [object.soname, file] {
      if let match = kinds.first(where: { name.hasPrefix($0.prefix) }) { return match.kind }
    }
    return "other"
  }

  /// Kinds that bring no heap of their own.
  package static let kindsWithoutHeap: Set<String> = [
    "loader", "C++ runtime", "compiler runtime",
  ]
}

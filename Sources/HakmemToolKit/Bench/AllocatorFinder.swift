import Foundation

/// Finds the allocators of this machine.
package struct AllocatorFinder {
  package let location: LibraryLocation
  /// The library that the user gave for HAKMEM, if any.
  package var givenLibrary: String?

  package init(location: LibraryLocation, library: String? = nil) {
    self.location = location
    givenLibrary = library
  }

  /// Files that Debian and others install, by the name that tables show.
  private static let installed: [(name: String, files: [String])] = [
    ("jemalloc", ["libjemalloc.so.2"]),
    ("tcmalloc", ["libtcmalloc_minimal.so.4", "libtcmalloc.so.4"]),
    ("mimalloc", ["libmimalloc.so.3", "libmimalloc.so.2.0", "libmimalloc.so.2", "libmimalloc.so"]),
  ]

  /// The allocators found: HAKMEM, the C library's, then the others.
  ///
  /// - Parameter directories: Where distributions put libraries; nil: the usual places.
  package func find(directories: [String]? = nil) -> [Allocator] {
    var found: [Allocator] = []
    if let library = try? location.library(given: givenLibrary) {
      found.append(Allocator(name: Allocator.hakmemName, library: library))
    }
    found.append(Allocator(name: Allocator.systemName, library: nil))
    found += peers()
    for (name, files) in AllocatorFinder.installed where !found.contains(where: { $0.name == name })
    {
      let candidates = (directories ?? AllocatorFinder.libraryDirectories).flatMap { folder in
        files.map { "\(folder)/\($0)" }
      }
      if let path = candidates.lazy.compactMap(LibraryLocation.absolute).first,
        !found.contains(where: { $0.library == path })
      {
        found.append(Allocator(name: name, library: path))
      }
    }
    return found
  }

  /// Every shared object in the directories of HAKMEM_PEERS, named by its file.
  private func peers() -> [Allocator] {
    var found: [Allocator] = []
    let folders = (location.environment["HAKMEM_PEERS"] ?? "").split(separator: ":").map(
      String.init)
    for folder in folders {
      let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      for file in files.sorted() where file.hasSuffix(".so") {
        var name = String(file.dropLast(".so".count))
        if name.hasPrefix("lib") { name.removeFirst("lib".count) }
        guard let path = LibraryLocation.absolute("\(folder)/\(file)"),
          !found.contains(where: { $0.name == name }), name != "hakmem"
        else { continue }
        found.append(Allocator(name: name, library: path))
      }
    }
    return found
  }

  private static var libraryDirectories: [String] {
    var names = utsname()
    uname(&names)
    let machine = withUnsafeBytes(of: names.machine) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    return ["/usr/lib/\(machine)-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"]
  }

  /// Chooses among the allocators found by what the user gave.
  ///
  /// - Parameter requests: "NAME" chooses one that was found, so that only the chosen ones run;
  ///   "NAME=PATH" adds one.
  /// - Throws: `BenchFailure` for an unknown name, listing the valid ones, and for a path that
  ///   cannot be read.
  package static func choose(_ requests: [String], among found: [Allocator]) throws -> [Allocator] {
    var chosen: [Allocator] = []
    var added: [Allocator] = []
    for request in requests {
      guard let sign = request.firstIndex(of: "=") else {
        guard let match = found.first(where: { $0.name.lowercased() == request.lowercased() })
        else {
          throw BenchFailure(
            "There is no allocator \(request). Found: "
              + found.map(\.name).joined(separator: ", ") + ". Others as NAME=PATH.")
        }
        if !chosen.contains(match) { chosen.append(match) }
        continue
      }
      let name = String(request[..<sign])
      let path = String(request[request.index(after: sign)...])
      guard !name.isEmpty, let library = LibraryLocation.absolute(path),
        access(library, R_OK) == 0
      else { throw BenchFailure("--allocator \(request): \(path) cannot be read.") }
      added.append(Allocator(name: name, library: library))
    }
    let base = chosen.isEmpty ? found : chosen
    return base.filter { old in !added.contains { $0.name == old.name } } + added
  }
}

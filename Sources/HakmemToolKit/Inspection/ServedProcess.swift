import Foundation

/// A running process that has HAKMEM's library loaded.
package struct ServedProcess: Equatable, Sendable {
  package let pid: Int32
  /// The program's file, or its name when the file may not be seen.
  package let program: String
  /// The library's path, as the process sees it.
  package let library: String
  /// Where its file begins in memory.
  package let loadAddress: UInt

  /// - Throws: `InspectionFailure` when there is no such process, it may not be looked into, or it
  ///   does not run on HAKMEM.
  package init(pid: Int32) throws {
    self.pid = pid
    let folder = "/proc/\(pid)"
    guard access(folder, F_OK) == 0 else { throw InspectionFailure.noProcess(pid) }
    guard let maps = TextFile.read("\(folder)/maps") else {
      throw InspectionFailure.system(pid, access(folder, F_OK) == 0 ? EPERM : ESRCH)
    }
    let name = TextFile.value("\(folder)/comm") ?? "?"
    program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/exe")) ?? name
    let found = MemoryArea.parse(maps).first {
      $0.fileOffset == 0 && ServedProcess.isLibrary($0.name)
    }
    guard let found else {
      // A process that is ending has no mappings any more.
      guard access(folder, F_OK) == 0, !maps.isEmpty else { throw InspectionFailure.ended(pid) }
      throw InspectionFailure(
        "Process \(pid) (\(program)) does not run on HAKMEM: it has no libhakmem.so loaded. Start it "
          + "with hakmem run -- PROGRAM.")
    }
    library = found.name
    loadAddress = found.addresses.lowerBound
  }

  private static func isLibrary(_ path: String) -> Bool {
    guard path.hasPrefix("/"), let file = path.split(separator: "/").last else { return false }
    return file.hasPrefix("libhakmem") && file.contains(".so")
  }

  /// All processes on HAKMEM that this user may see.
  package static func all() -> [ServedProcess] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return entries.compactMap { Int32($0) }.sorted().compactMap { try? ServedProcess(pid: $0) }
  }

  /// Whether the file at `path` is the very library that the process has loaded: the layout of a
  /// heap is known to its own build only.
  ///
  /// - Throws: `InspectionFailure` that says what to do when it is another one.
  func checkIsSame(_ path: String) throws {
    let theirs = "/proc/\(pid)/root\(library)"
    guard !library.hasSuffix(" (deleted)"), let loaded = TextFile.bytes(theirs) else {
      throw InspectionFailure(
        "The library of process \(pid), \(library), was replaced since the process began: the "
          + "layout of its heap is not known any more. Restart it.")
    }
    guard TextFile.bytes(path) == loaded else {
      throw InspectionFailure(
        "Process \(pid) runs on another build of HAKMEM than \(path). If you trust that one, give "
          + "it with --library \(theirs).")
    }
  }
}

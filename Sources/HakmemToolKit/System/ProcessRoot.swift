import Foundation

/// The files as a process sees them, which may have another root, as in a container.
package struct ProcessRoot {
  /// The folder that is "/" to the process: "/proc/PID/root".
  private let folder: String

  /// As many links as the kernel follows in one path.
  private static let mostLinks = 40

  package init(folder: String) { self.folder = folder }

  /// Where this process finds a file of that one.
  package func outside(_ path: String) -> String { folder + path }

  /// The path without links and dots. A link to a path from the root leads to that root, where
  /// realpath(3) would go to this process's own.
  ///
  /// - Returns: Nil when links form a loop; what does not exist is left as it is.
  package func resolved(_ path: String) -> String? {
    var rest = Array(path.split(separator: "/").reversed())
    var done: [Substring] = []
    var links = 0
    while let part = rest.popLast() {
      if part == "." { continue }
      if part == ".." {
        _ = done.popLast()
        continue
      }
      let here = "/" + (done + [part]).joined(separator: "/")
      guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: outside(here))
      else {
        done.append(part)
        continue
      }
      links += 1
      guard links <= ProcessRoot.mostLinks else { return nil }
      if target.hasPrefix("/") { done = [] }
      rest += target.split(separator: "/").reversed()
    }
    return "/" + done.joined(separator: "/")
  }
}

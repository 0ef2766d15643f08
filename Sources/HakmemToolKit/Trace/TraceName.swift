import Foundation

/// The name of the trace that a program's recording writes; "%p" in it is the number of the process.
package struct TraceName {
  package let pattern: String

  private static let mark = "%p"

  /// - Parameter path: The name as the user gave it; nil for "PROGRAM.trace" in this folder.
  package init(path: String?, program: String) {
    pattern = LibraryLocation.rooted(path ?? "\((program as NSString).lastPathComponent).trace")
  }

  /// Whether each process has a file of its own.
  package var isNamedByProcess: Bool { pattern.contains(Self.mark) }

  /// Checks that the file can be written and that no other kind of file is in its place.
  ///
  /// - Throws: `OutputFile.Failure` that says what stands in the way.
  package func check() throws {
    let path = pattern.replacing(Self.mark, with: "0")
    _ = try OutputFile(path: path)
    if access(path, F_OK) == 0, TraceHeader(path: path) == nil, !Self.isEmpty(path) {
      throw OutputFile.Failure(
        description: "cannot write \(path): it exists and is not an allocation trace")
    }
  }

  private static func isEmpty(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_size == 0
  }

  /// The traces of that name that were written since `start`.
  package func files(since start: Date) -> [String] {
    guard isNamedByProcess else { return [pattern] }
    let folder = (pattern as NSString).deletingLastPathComponent
    let name = (pattern as NSString).lastPathComponent
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.sorted { $0.localizedStandardCompare($1) == .orderedAscending }.filter { file in
      let path = "\(folder)/\(file)"
      guard let header = TraceHeader(path: path), Self.changed(path) >= start else { return false }
      return file == name.replacing(Self.mark, with: String(header.process))
    }.map { "\(folder)/\($0)" }
  }

  private static func changed(_ path: String) -> Date {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return attributes?[.modificationDate] as? Date ?? .distantPast
  }
}

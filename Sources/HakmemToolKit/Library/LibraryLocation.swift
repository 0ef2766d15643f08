import Foundation

/// Where the library and the programs that belong to this tool are.
package struct LibraryLocation: Sendable {
  /// The tool's own executable: what stands beside it is found first.
  package var executable: String
  package var environment: [String: String]

  package static let libraryName = "libhakmem.so"
  package static let workloadsName = "hakmem-workload"

  package init(
    executable: String = LibraryLocation.ownExecutable,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.executable = executable
    self.environment = environment
  }

  /// The running program's file.
  package static var ownExecutable: String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    guard count > 0 else { return CommandLine.arguments[0] }
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The library: the path given, else `HAKMEM_LIBRARY`, else beside the tool, else in `../lib`.
  ///
  /// - Throws: `Refusal` that names the places searched.
  package func library(given path: String? = nil) throws -> String {
    try find(
      LibraryLocation.libraryName, given: path, option: "--library", variable: "HAKMEM_LIBRARY",
      folders: ["", "../lib", "../lib/hakmem"])
  }

  /// The program that contains the benchmark's workloads: `HAKMEM_WORKLOADS`, else beside the
  /// tool, else in `../libexec/hakmem`.
  ///
  /// - Throws: `Refusal` that names the places searched.
  package func workloads(given path: String? = nil) throws -> String {
    try find(
      LibraryLocation.workloadsName, given: path, option: "--workloads",
      variable: "HAKMEM_WORKLOADS", folders: ["", "../libexec/hakmem", "../lib/hakmem"])
  }

  private func find(
    _ name: String, given: String?, option: String, variable: String, folders: [String]
  ) throws -> String {
    for (path, origin) in [(given, option), (environment[variable], variable)] {
      guard let path, !path.isEmpty else { continue }
      guard access(path, R_OK) == 0 else {
        throw Refusal(.missingLibrary, "\(origin) names \(path), which cannot be read.")
      }
      return LibraryLocation.rooted(path)
    }
    let home = (executable as NSString).deletingLastPathComponent
    let places = folders.map { $0.isEmpty ? home : "\(home)/\($0)" }
    for place in places {
      let path = LibraryLocation.tidy("\(place)/\(name)")
      if access(path, R_OK) == 0 { return path }
    }
    throw Refusal(
      .missingLibrary,
      "\(name) is not in \(places.map(LibraryLocation.tidy).joined(separator: ", ")): give its "
        + "path with \(option) or in \(variable).")
  }

  /// The path without links and dots; nil when there is no such file.
  package static func absolute(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// The path from the root, links kept: what a shell's profile names must outlive an update.
  static func rooted(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
  }

  /// A path without ".."; right where no folder in it is a link.
  static func tidy(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }
}

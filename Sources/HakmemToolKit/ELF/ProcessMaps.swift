import Foundation

/// The files mapped into a process, from /proc/PID/maps.
package enum ProcessMaps {
  /// The mapped files in order of address, each once. Devices, deleted files' marks and special
  /// mappings ("[heap]") are left out.
  package static func files(_ maps: String) -> [String] {
    var seen: Set<String> = []
    var files: [String] = []
    for line in maps.split(separator: "\n") {
      guard let path = path(line), seen.insert(path).inserted else { continue }
      files.append(path)
    }
    return files
  }

  /// The path of one line: everything from the sixth field on, spaces included.
  private static func path(_ line: Substring) -> String? {
    let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
    guard fields.count == 6 else { return nil }
    var path = String(fields[5]).trimmingCharacters(in: .whitespaces)
    guard path.hasPrefix("/"), !path.hasPrefix("/dev/"), !path.hasPrefix("/memfd:"),
      !path.hasPrefix("/SYSV")
    else { return nil }
    if path.hasSuffix(" (deleted)") { path.removeLast(" (deleted)".count) }
    return path.replacingOccurrences(of: "\\012", with: "\n")
  }
}

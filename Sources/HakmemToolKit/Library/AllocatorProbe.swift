import CHakmemToolSystem
import Foundation

/// What an allocator says of itself, asked in a process that runs on it: one that crashes or does
/// not load harms nobody else, and whether the preload works is seen at once.
package struct AllocatorProbe: Codable, Equatable, Sendable {
  /// The file of the object that serves malloc in the process.
  package var serving: String
  /// The version, if the allocator has a way to tell it.
  package var version: String?

  /// The tool's hidden command that answers.
  package static let command = "probe"

  /// Asks an allocator.
  ///
  /// - Parameter tool: The tool's own executable.
  /// - Throws: `BenchFailure` when it does not load, or does not serve malloc.
  package static func ask(
    _ allocator: Allocator, tool: String, environment: [String: String]
  ) throws -> AllocatorProbe {
    var child = ChildProcess(
      program: tool, arguments: [command], environment: allocator.environment(environment))
    child.timeout = 30
    let outcome = try child.run()
    guard outcome.ending == .exited(0),
      let probe = try? JSONDecoder().decode(AllocatorProbe.self, from: Data(outcome.output.utf8))
    else {
      throw BenchFailure(
        "\(allocator.name) does not run even a small program: \(RunFailure.text(outcome)).")
    }
    guard let library = allocator.library else { return probe.tidied }
    guard LibraryLocation.absolute(probe.serving) == LibraryLocation.absolute(library) else {
      let complaint = outcome.errors.split(separator: "\n").first.map { " (\($0))" } ?? ""
      throw BenchFailure(
        "\(allocator.name) does not serve malloc when it is preloaded; "
          + "\(probe.serving) does\(complaint).")
    }
    return probe.tidied
  }

  /// The version without the long commit id that jemalloc appends.
  private var tidied: AllocatorProbe {
    var probe = self
    probe.version = version.map(AllocatorProbe.shortened)
    return probe
  }

  /// "5.3.0" for "5.3.0-0-g54eaed1d8b56…", "5.3.1-47-g295e489" for "5.3.1-47-g295e48944b20…".
  static func shortened(_ version: String) -> String {
    guard let mark = version.range(of: "-g", options: .backwards),
      version[mark.upperBound...].allSatisfy(\.isHexDigit)
    else { return version }
    let base = version[..<mark.lowerBound]
    if base.hasSuffix("-0") { return String(base.dropLast(2)) }
    return base + "-g" + version[mark.upperBound...].prefix(7)
  }

  /// Answers for the process that calls it.
  package static func ofThisProcess() -> AllocatorProbe {
    let serving = hakmem_tool_object_of("malloc").map { String(cString: $0) } ?? ""
    return AllocatorProbe(serving: serving, version: version())
  }

  private typealias Text = @convention(c) () -> UnsafePointer<CChar>?
  private typealias Number = @convention(c) () -> CInt
  private typealias Control =
    @convention(c) (
      UnsafePointer<CChar>, UnsafeMutableRawPointer?, UnsafeMutablePointer<Int>?,
      UnsafeMutableRawPointer?, Int
    ) -> CInt
  private typealias Parts =
    @convention(c) (
      UnsafeMutablePointer<CInt>, UnsafeMutablePointer<CInt>,
      UnsafeMutablePointer<UnsafePointer<CChar>?>
    ) -> UnsafePointer<CChar>?

  private static func version() -> String? {
    if let function = dlsym(nil, "hakmem_version") {
      return unsafeBitCast(function, to: Text.self)().map { String(cString: $0) }
    }
    if let function = dlsym(nil, "mi_version") {
      return mimallocVersion(Int(unsafeBitCast(function, to: Number.self)()))
    }
    if let function = dlsym(nil, "tc_version") {
      var major: CInt = 0
      var minor: CInt = 0
      var patch: UnsafePointer<CChar>?
      return unsafeBitCast(function, to: Parts.self)(&major, &minor, &patch).map {
        String(cString: $0)
      }
    }
    for name in ["mallctl", "je_mallctl"] {
      guard let function = dlsym(nil, name) else { continue }
      var text: UnsafePointer<CChar>?
      var size = MemoryLayout<UnsafePointer<CChar>?>.size
      if unsafeBitCast(function, to: Control.self)("version", &text, &size, nil, 0) == 0, let text {
        return String(cString: text)
      }
    }
    guard hakmem_tool_object_of("malloc").map({ String(cString: $0).contains("libc") }) == true
    else { return nil }
    return hakmem_tool_libc_version().map { String(cString: $0) }
  }

  /// mimalloc numbers its versions 217 for 2.1.7, and 30403 for 3.4.3 once a part has two digits.
  static func mimallocVersion(_ number: Int) -> String {
    number < 1000
      ? "\(number / 100).\(number / 10 % 10).\(number % 10)"
      : "\(number / 10000).\(number / 100 % 100).\(number % 100)"
  }
}

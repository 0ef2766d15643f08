import Foundation
import Synchronization
import Testing

/// A small C or C++ program of `Tests/Programs`, compiled at its first use with the system's
/// compiler: SwiftPM would link it to the Swift runtime, and cannot build what is to be dlopened.
public struct TestProgram: Sendable {
  public enum Kind: Sendable {
    case executable
    case sharedLibrary
  }

  /// Where the sources are.
  public static let sources =
    ((#filePath as NSString).deletingLastPathComponent as NSString)
    .deletingLastPathComponent + "/Programs"

  private static let built = Mutex<[String: String]>([:])

  /// Compiles `name` ("interface/free.c") and returns the path of the result.
  public static func build(
    _ name: String, as kind: Kind = .executable, flags: [String] = [], suffix: String = ""
  ) throws -> String {
    try built.withLock { built in
      let key = name + suffix
      if let path = built[key] { return path }
      let path = try compile(name, kind, flags, suffix)
      built[key] = path
      return path
    }
  }

  private static func compile(
    _ name: String, _ kind: Kind, _ flags: [String], _ suffix: String
  ) throws -> String {
    let isCxx = name.hasSuffix(".cc")
    let candidates = isCxx ? ["g++", "c++", "clang++"] : ["gcc", "cc", "clang"]
    guard let compiler = candidates.lazy.compactMap(System.find).first else {
      throw HarnessError("no C compiler: install gcc and g++")
    }
    let stem = (name as NSString).deletingPathExtension
    let output =
      Allocator.testsDirectory + "/hakmem-test-programs/" + stem + suffix
      + (kind == .sharedLibrary ? ".so" : "")
    try FileManager.default.createDirectory(
      atPath: (output as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    let header = (sources as NSString).appendingPathComponent("../../Sources/CHakmem/include")
    var command = Command(
      compiler,
      ["-O1", "-g", "-fno-builtin", "-Wall", "-Wextra", "-Werror", "-pthread", "-I", header]
        + ["-I", sources + "/support", sources + "/" + name, "-o", output]
        + (kind == .sharedLibrary ? ["-fPIC", "-shared"] : []) + flags)
    command.preload = []
    let outcome = try command.run()
    guard outcome.succeeded else { throw HarnessError("\(outcome)") }
    return output
  }
}

/// Runs a program of `Tests/Programs` on the allocator under test and expects that it exits with 0
/// in silence; parts may be skipped only on another allocator than HAKMEM.
@discardableResult
public func expectSuccess(
  of name: String, _ arguments: [String] = [], environment: [String: String] = [:],
  preload more: [String] = [], timeout: Double = 180,
  sourceLocation: SourceLocation = #_sourceLocation
) throws -> Outcome {
  try Allocator.underTest.requireExists()
  var command = Command(try TestProgram.build(name), arguments, environment: environment)
  command.preload = more + command.preload
  command.timeout = timeout
  let outcome = try command.run()
  #expect(outcome.succeeded, "\(outcome)", sourceLocation: sourceLocation)
  for part in outcome.skipped {
    print("skipped in \(name): \(part)")
  }
  if Allocator.underTest.isHakmem {
    #expect(outcome.skipped.isEmpty, "\(outcome)", sourceLocation: sourceLocation)
  }
  return outcome
}

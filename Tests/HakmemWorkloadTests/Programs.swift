import Foundation
import HakmemTestSupport
import Testing

/// A program of this package that has run: its exit status and what it wrote.
struct Finished {
  let status: Int32
  let output: String
  let errors: String

  /// The last line of stdout as a JSON object.
  func json() throws -> [String: Any] {
    let line = try #require(output.split(separator: "\n").last)
    return try #require(
      JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
  }
}

/// Runs a program of this package to its end.
func run(
  _ program: String, _ arguments: [String] = [], environment: [String: String] = [:]
) throws -> Finished {
  let process = Process()
  process.executableURL = URL(
    fileURLWithPath: Allocator.productsDirectory + "/" + program)
  process.arguments = arguments
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  // Files, not pipes: a full pipe would need a thread that empties it.
  let files = try TemporaryDirectory()
  let output = try files.create("output")
  let errors = try files.create("errors")
  process.standardOutput = output
  process.standardError = errors
  process.standardInput = FileHandle.nullDevice
  try process.run()
  process.waitUntilExit()
  return Finished(
    status: process.terminationReason == .exit
      ? process.terminationStatus : 128 + process.terminationStatus,
    output: try files.read("output"), errors: try files.read("errors"))
}

func runWorkload(_ arguments: String..., environment: [String: String] = [:]) throws -> Finished {
  try run("hakmem-workload", arguments, environment: environment)
}

/// A directory that is removed with the value.
final class TemporaryDirectory {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory
      .appendingPathComponent("hakmem-workload-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }

  func path(_ name: String) -> String { url.appendingPathComponent(name).path }

  func create(_ name: String) throws -> FileHandle {
    try Data().write(to: url.appendingPathComponent(name))
    return try FileHandle(forWritingTo: url.appendingPathComponent(name))
  }

  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: url.appendingPathComponent(name))
    return path(name)
  }

  func read(_ name: String) throws -> String {
    String(decoding: try Data(contentsOf: url.appendingPathComponent(name)), as: UTF8.self)
  }
}

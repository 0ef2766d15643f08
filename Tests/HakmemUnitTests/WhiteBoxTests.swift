import Foundation
import HakmemTestSupport
import Testing

/// The white-box tests of the allocator's layers: they run in an embedded program of their own, each
/// in a process of its own.
@Suite struct WhiteBoxTests {
  @Test(arguments: WhiteBoxProgram.testNames)
  func whiteBox(_ name: String) throws {
    let finished = try WhiteBoxProgram.run(name)
    #expect(finished.status == 0, "\(name): \(finished.output)")
  }

  @Test func programListsItsTests() throws {
    #expect(WhiteBoxProgram.testNames.count > 100)
    #expect(Set(WhiteBoxProgram.testNames).count == WhiteBoxProgram.testNames.count)
    #expect(try WhiteBoxProgram.run("Nothing.isATest").status == 2)
  }
}

enum WhiteBoxProgram {
  private static let url = URL(
    fileURLWithPath: Allocator.productsDirectory + "/HakmemWhiteBoxTests")

  static let testNames: [String] =
    ((try? run("--list"))?.output ?? "").split(separator: "\n").map(String.init)

  static func run(_ argument: String) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = url
    process.arguments = [argument]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let isExit = process.terminationReason == .exit
    return (isExit ? process.terminationStatus : 128 + process.terminationStatus, text)
  }
}

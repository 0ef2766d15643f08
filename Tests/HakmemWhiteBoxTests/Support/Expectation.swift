import CHakmemWhiteBox
import HakmemPlatform
import Synchronization

/// A test: its name, as a sentence without spaces, and what it does in a fresh process.
struct WhiteBoxTest: Sendable {
  let name: StaticString
  let body: @Sendable () -> Void

  init(_ name: StaticString, _ body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}

enum Expectation {
  private static let failures = Atomic<Int>(0)
  static var failureCount: Int { failures.load(ordering: .relaxed) }

  /// Counts a failure; whether it is one of the first, which are printed.
  static func fail() -> Bool {
    failures.wrappingAdd(1, ordering: .relaxed).newValue <= 10
  }
}

func expect(
  _ condition: Bool, _ what: StaticString = "", file: StaticString = #fileID, line: UInt = #line
) {
  guard !condition, Expectation.fail() else { return }
  Text.message {
    appendPlace(file, line, to: &$0)
    $0.append("an expectation does not hold")
    if what.utf8CodeUnitCount > 0 {
      $0.append(": ")
      $0.append(what)
    }
    $0.append("\n")
  }
}

func expectEqual(
  _ value: UInt, _ expected: UInt, _ what: StaticString = "", file: StaticString = #fileID,
  line: UInt = #line
) {
  guard value != expected, Expectation.fail() else { return }
  Text.message {
    appendPlace(file, line, to: &$0)
    $0.append(what)
    $0.append(" is ")
    $0.append(value)
    $0.append(", not ")
    $0.append(expected)
    $0.append("\n")
  }
}

func expectEqual(
  _ value: Int, _ expected: Int, _ what: StaticString = "", file: StaticString = #fileID,
  line: UInt = #line
) {
  expectEqual(UInt(bitPattern: value), UInt(bitPattern: expected), what, file: file, line: line)
}

/// For `check`'s functions: nil when nothing is wrong.
func expectNoFault(
  _ fault: StaticString?, file: StaticString = #fileID, line: UInt = #line
) {
  if let fault { expect(false, fault, file: file, line: line) }
}

private func appendPlace(_ file: StaticString, _ line: UInt, to text: inout Text) {
  text.append(file)
  text.append(":")
  text.append(line)
  text.append(": ")
}

func write(_ parts: StaticString...) {
  for part in parts { SystemCalls.writeAll(to: 1, part.utf8Start, part.utf8CodeUnitCount) }
}

func isEqual(_ cString: UnsafePointer<CChar>, _ text: StaticString) -> Bool {
  for index in 0..<text.utf8CodeUnitCount
  where UInt8(bitPattern: cString[index]) != text.utf8Start[index] { return false }
  return cString[text.utf8CodeUnitCount] == 0
}

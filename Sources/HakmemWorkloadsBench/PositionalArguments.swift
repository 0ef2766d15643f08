import HakmemWorkloadsHarness
import HakmemWorkloadsSystem

/// The positional numbers of a benchmark, turned into a workload's "key=value" arguments.
package struct PositionalArguments {
  private static let textCapacity = 64
  private let program: StaticString
  private let usage: StaticString
  private let text: UnsafeMutablePointer<CChar>
  package let arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  package private(set) var count = 0

  package init(program: StaticString, usage: StaticString, most: Int) {
    self.program = program
    self.usage = usage
    text = Mapping.pages(4096, populate: false).bindMemory(to: CChar.self, capacity: 4096)
    arguments = Mapping.pages(4096, populate: false)
      .bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: 512)
    let given = Int(harness_argument_count()) - 1
    if given == 1, let first = value(0), first == "--help" || first == "-h" {
      var output = TextBuffer(descriptor: 1)
      output.append(usage)
      output.flush()
      exit(0)
    }
    if given > most { refuse("too many arguments") }
  }

  private func value(_ index: Int) -> CText? {
    guard index + 1 < Int(harness_argument_count()), let arguments = harness_arguments() else {
      return nil
    }
    return CText(cString: arguments[index + 1]!)
  }

  /// The whole number at a place, or the default when there are fewer arguments.
  package func number(
    _ index: Int, _ name: StaticString, default standard: Int, in range: ClosedRange<Int>
  ) -> Int {
    guard let text = value(index) else { return standard }
    guard let number = text.decimal, range.contains(number) else {
      refuse(text, name, range)
    }
    return number
  }

  /// Adds "key=number".
  package mutating func add(_ key: StaticString, _ number: Int) {
    var position = text + count * PositionalArguments.textCapacity
    arguments[count] = position
    count += 1
    for index in 0..<key.utf8CodeUnitCount {
      position.pointee = CChar(bitPattern: key.utf8Start[index])
      position += 1
    }
    position.pointee = CChar(UInt8(ascii: "="))
    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 16) { buffer in
      let digits = CText(writing: number, to: buffer)
      for index in 0...digits.count { position[index + 1] = digits.bytes[index] }
    }
  }

  private func refuse(_ text: CText, _ name: StaticString, _ range: ClosedRange<Int>) -> Never {
    var output = TextBuffer(descriptor: 2)
    output.append(program)
    output.append(": ")
    output.append(name)
    output.append(" '")
    output.append(text)
    output.append("' is not a whole number in ")
    output.append(range.lowerBound)
    output.append(" … ")
    output.append(range.upperBound)
    output.append("\n")
    output.append(usage)
    output.flush()
    exit(ExitStatus.badArguments)
  }

  private func refuse(_ reason: StaticString) -> Never {
    var output = TextBuffer(descriptor: 2)
    output.append(program)
    output.append(": ")
    output.append(reason)
    output.append("\n")
    output.append(usage)
    output.flush()
    exit(ExitStatus.badArguments)
  }
}

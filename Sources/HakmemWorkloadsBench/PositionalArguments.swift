import HakmemWorkloadsHarness
import HakmemWorkloadsSystem

/// The positional numbers of a benchmark, turned into a workload's "key=value" arguments.
package struct PositionalArguments {
  private static let textCapacity = 64
  private let program: StaticString
  private let usage: StaticString
  private let text: UnsafeMutablePointer<CChar>
  private let most: Int
  private var numbers = InlineArray<4, Int>(repeating: 0)
  private let arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private var count = 0

  package init(program: StaticString, usage: StaticString, most: Int) {
    self.program = program
    self.usage = usage
    self.most = most
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
  package mutating func number(
    _ index: Int, _ name: StaticString, default standard: Int, in range: ClosedRange<Int>
  ) -> Int {
    numbers[index] = standard
    guard let text = value(index) else { return standard }
    guard let number = text.decimal, range.contains(number) else {
      refuse(text, name, range)
    }
    numbers[index] = number
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

  /// Prints the command and the configuration unless HAKMEM_QUIET is set, runs the workload with
  /// what was added, and prints the result.
  package func run<Work: Workload>(_ workload: Work.Type) {
    var output = TextBuffer(descriptor: 1)
    if !Configuration.isQuiet {
      output.append(program)
      for index in 0..<most {
        output.append(" ")
        output.append(numbers[index])
      }
      output.append("\n")
      Configuration.write(to: &output)
      output.flush()
    }
    let run = Execution<Work>.run(arguments: arguments, count: count)
    Summary.write(Work.name, run, to: &output)
    output.flush()
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

import HakmemWorkloads
import HakmemWorkloadsHarness
import HakmemWorkloadsSystem

/// The same workloads on every allocator, one process each, in interleaved rounds.
package struct SideBySide {
  private static let columns = 4
  private static let maximumRounds = 100
  private static let outputCapacity = 1 << 20
  private let allocators: AllocatorList
  private let rounds: Int
  private let milliseconds: Int
  /// Million operations a second: [allocator][column][round]; negative: 1000 + exit status.
  private let results: UnsafeMutablePointer<Double>
  private let output: UnsafeMutablePointer<CChar>

  package static var roundsRange: ClosedRange<Int> { 1...maximumRounds }

  package init(rounds: Int, milliseconds: Int) {
    allocators = AllocatorList()
    self.rounds = rounds
    self.milliseconds = milliseconds
    results = Mapping.table(
      of: Double.self, count: allocators.count * SideBySide.columns * SideBySide.maximumRounds)
    output = Mapping.pages(SideBySide.outputCapacity, populate: false)
      .bindMemory(to: CChar.self, capacity: SideBySide.outputCapacity)
  }

  /// The workload of a column with its parameters.
  private static func column(_ index: Int) -> (title: StaticString, StaticString, StaticString) {
    switch index {
    case 0: ("random_mixed 256", "random_mixed", "slots=256")
    case 1: ("random_mixed 8192", "random_mixed", "slots=8192")
    case 2: ("tiny_hot 32 B", "tiny_hot", "size=32")
    default: ("exchange, 2 threads", "exchange", "threads=2")
    }
  }

  private func result(_ allocator: Int, _ column: Int, _ round: Int) -> UnsafeMutablePointer<Double>
  {
    results
      + (allocator * SideBySide.columns + column) * SideBySide.maximumRounds + round
  }

  // MARK: Measuring

  package func measure() {
    for round in 0..<rounds {
      for column in 0..<SideBySide.columns {
        for turn in 0..<allocators.count {
          // Each round begins with another allocator, so that a drift meets all of them.
          let allocator = (turn + round) % allocators.count
          result(allocator, column, round).pointee = run(allocators[allocator], column)
        }
      }
    }
  }

  private func run(_ allocator: Allocator, _ column: Int) -> Double {
    let (_, workload, parameter) = SideBySide.column(column)
    return withUnsafeTemporaryAllocation(byteCount: 64, alignment: 16) { buffer in
      // seconds=0.MMM or seconds=S.MMM, as key=value.
      let seconds = SideBySide.secondsArgument(milliseconds, buffer)
      return withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<CChar>?.self, capacity: 6) {
        $0[0] = CText("bench_allocators").mutableBytes
        $0[1] = CText("--workload").mutableBytes
        $0[2] = CText(workload).mutableBytes
        $0[3] = CText(parameter).mutableBytes
        $0[4] = seconds.mutableBytes
        $0[5] = nil
        return run($0.baseAddress.unsafelyUnwrapped, allocator)
      }
    }
  }

  private func run(
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>, _ allocator: Allocator
  ) -> Double {
    var length = 0
    let child = harness_capture(
      CText("/proc/self/exe").bytes, arguments, allocator.path?.bytes, output,
      SideBySide.outputCapacity, &length)
    let text = CText(bytes: output, count: length)
    guard child.error == 0, child.status == 0,
      let operations = text.number(after: "\"operations\":"),
      let nanoseconds = text.number(after: "\"seconds\":", billionths: true), nanoseconds > 0
    else { return -1000 - Double(child.status) }
    // A library that cannot be preloaded is silently left out by the loader.
    if let path = allocator.path, !text.contains(path) { return -1 }
    return Double(operations) / Double(nanoseconds) * 1000
  }

  private static func secondsArgument(
    _ milliseconds: Int, _ buffer: UnsafeMutableRawBufferPointer
  ) -> CText {
    let digits = CText(writing: 1000 + milliseconds % 1000, to: buffer)
    let key = CText("seconds=")
    let bytes = (buffer.baseAddress! + 24).assumingMemoryBound(to: CChar.self)
    for index in 0..<key.count { bytes[index] = key.bytes[index] }
    bytes[key.count] = CChar(UInt8(ascii: "0") + UInt8(milliseconds / 1000))
    bytes[key.count + 1] = CChar(UInt8(ascii: "."))
    for index in 0..<3 { bytes[key.count + 2 + index] = digits.bytes[index + 1] }
    bytes[key.count + 5] = 0
    return CText(bytes: bytes, count: key.count + 5)
  }

  // MARK: Table

  package func writeTable(to output: inout TextBuffer) {
    output.append("million operations a second, median (best) of ")
    output.append(rounds)
    output.append(rounds == 1 ? " round of " : " interleaved rounds of ")
    output.append(Double(milliseconds) / 1000, decimals: 3)
    output.append(" s each\n\n")
    writeCell(CText("allocator"), width: 18, to: &output)
    for column in 0..<SideBySide.columns {
      let title = CText(SideBySide.column(column).title)
      output.append(spaces: 20 - title.count)
      output.append(title)
    }
    output.append("\n")
    for allocator in 0..<allocators.count {
      writeCell(allocators[allocator].name, width: 18, to: &output)
      for column in 0..<SideBySide.columns { writeResult(allocator, column, to: &output) }
      output.append("\n")
    }
    output.append("\n")
    for allocator in 0..<allocators.count {
      guard let path = allocators[allocator].path else { continue }
      writeCell(allocators[allocator].name, width: 18, to: &output)
      output.append(path)
      output.append("\n")
    }
  }

  private func writeCell(_ text: CText, width: Int, to output: inout TextBuffer) {
    output.append(text)
    output.append(spaces: width - text.count)
  }

  private func writeResult(_ allocator: Int, _ column: Int, to output: inout TextBuffer) {
    let first = result(allocator, column, 0)
    sort(first, count: rounds)
    if first[0] < 0 {
      let failure = CText(first[0] == -1 ? "not preloaded" : "failed")
      output.append(spaces: 20 - failure.count)
      return output.append(failure)
    }
    let middle = first[rounds / 2]
    let median = rounds % 2 == 1 ? middle : (middle + first[rounds / 2 - 1]) / 2
    let best = first[rounds - 1]
    output.append(spaces: 17 - SideBySide.width(median) - SideBySide.width(best))
    output.append(median, decimals: 1)
    output.append(" (")
    output.append(best, decimals: 1)
    output.append(")")
  }

  /// Characters of a number with one decimal.
  private static func width(_ number: Double) -> Int {
    number < 9.95 ? 3 : number < 99.95 ? 4 : number < 999.95 ? 5 : 6
  }

  private func sort(_ values: UnsafeMutablePointer<Double>, count: Int) {
    for end in 1..<max(count, 1) {
      var index = end
      while index > 0 && values[index - 1] > values[index] {
        let value = values[index]
        values[index] = values[index - 1]
        values[index - 1] = value
        index -= 1
      }
    }
  }
}

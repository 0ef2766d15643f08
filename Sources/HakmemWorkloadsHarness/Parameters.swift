import HakmemWorkloadsSystem

/// The "key=value" arguments of a workload.
///
/// A workload reads its parameters in its initialiser, each with its default and range; the same
/// initialiser serves to list the defaults, to parse the command line and to write the JSON
/// report, so that the three agree.
package struct Parameters {
  package enum Purpose {
    /// Take values from the command line.
    case read
    /// Write "key=default" for each.
    case list
    /// Take values and write each as a JSON member.
    case report
  }

  package let purpose: Purpose
  package var output: TextBuffer
  private let arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int
  private let workload: StaticString
  /// One bit per argument that some parameter has taken.
  private var taken: UInt64 = 0
  private var written = 0

  package static let maximumCount = 64

  /// Prepares to take values from `count` arguments. More than `maximumCount` are refused.
  @export(interface)
  package init(
    _ purpose: Purpose, workload: StaticString,
    arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>, count: Int, output: TextBuffer
  ) {
    self.purpose = purpose
    self.workload = workload
    self.arguments = arguments
    self.count = count
    self.output = output
    if count > Parameters.maximumCount {
      var text = Parameters.complaint(workload)
      text.append("more than ")
      text.append(Parameters.maximumCount)
      text.append(" parameters\n")
      text.flush()
      _exit(ExitStatus.badArguments)
    }
  }

  // MARK: Values

  /// A whole number. The alias is another name of the parameter.
  @export(interface)
  package mutating func integer(
    _ key: StaticString, alias: StaticString? = nil, default standard: Int,
    in range: ClosedRange<Int>
  ) -> Int {
    var value = standard
    let first = take(key)
    let second = alias.flatMap { take($0) }
    if let first, second != nil { reject(key, first, "was given under two names") }
    if let text = first ?? second {
      guard let number = text.decimal else { reject(key, text, "is not a whole number") }
      guard range.contains(number) else {
        reject(key, text, outside: range.lowerBound, range.upperBound, decimals: 0)
      }
      value = number
    }
    write(key) { $0.append(value) }
    return value
  }

  /// Yes (1) or no (0).
  @export(interface)
  package mutating func flag(_ key: StaticString, default standard: Bool) -> Bool {
    integer(key, default: standard ? 1 : 0, in: 0...1) == 1
  }

  /// Seconds, with decimals; as nanoseconds.
  @export(interface)
  package mutating func duration(
    _ key: StaticString, default standard: Int, in range: ClosedRange<Int>
  ) -> Int {
    var value = standard
    if let text = take(key) {
      guard let number = text.billionths else { reject(key, text, "is not a number of seconds") }
      guard range.contains(number) else {
        reject(key, text, outside: range.lowerBound, range.upperBound, decimals: 9)
      }
      value = number
    }
    write(key) { Parameters.append(billionths: value, to: &$0) }
    return value
  }

  /// Text, which must not be empty. Nil when it was not given.
  @export(interface)
  package mutating func text(_ key: StaticString) -> CText? {
    let text = take(key)
    if let text, text.count == 0 { reject(key, text, "is empty") }
    let isListed = purpose == .list
    write(key) { output in
      if !isListed { JSON.append(string: text ?? CText(""), to: &output) }
    }
    return text
  }

  // MARK: Complaints

  /// Ends the process because the value given for `key` does not fit another one's.
  @export(interface)
  package func reject(_ key: StaticString, because reason: StaticString) {
    guard purpose == .read else { return }
    var text = Parameters.complaint(workload)
    text.append(key)
    text.append(": ")
    text.append(reason)
    text.append("\n")
    text.flush()
    _exit(ExitStatus.badArguments)
  }

  private func reject(_ key: StaticString, _ value: CText, _ reason: StaticString) -> Never {
    var text = complaint(key, value)
    text.append(reason)
    text.append("\n")
    text.flush()
    _exit(ExitStatus.badArguments)
  }

  private func reject(
    _ key: StaticString, _ value: CText, outside lower: Int, _ upper: Int, decimals: Int
  ) -> Never {
    var text = complaint(key, value)
    text.append("is not in ")
    if decimals > 0 {
      Parameters.append(billionths: lower, to: &text)
      text.append(" … ")
      Parameters.append(billionths: upper, to: &text)
    } else {
      text.append(lower)
      text.append(" … ")
      text.append(upper)
    }
    text.append("\n")
    text.flush()
    _exit(ExitStatus.badArguments)
  }

  /// The first argument that no parameter has taken.
  package var unknown: CText? {
    for index in 0..<count where taken & (1 << UInt64(index)) == 0 {
      return CText(cString: arguments[index]!)
    }
    return nil
  }

  private static func complaint(_ workload: StaticString) -> TextBuffer {
    var text = TextBuffer(descriptor: 2)
    text.append("hakmem-workload: ")
    text.append(workload)
    text.append(": ")
    return text
  }

  private func complaint(_ key: StaticString, _ value: CText) -> TextBuffer {
    var text = Parameters.complaint(workload)
    text.append(key)
    text.append("=")
    text.append(value)
    text.append(": ")
    return text
  }

  // MARK: Reading and writing

  /// The value given for a key. Twice the same key is refused.
  private mutating func take(_ key: StaticString) -> CText? {
    guard purpose != .list else { return nil }
    var found: CText?
    for index in 0..<count {
      let argument = CText(cString: arguments[index]!)
      let length = key.utf8CodeUnitCount
      guard argument.count > length, argument[length] == UInt8(ascii: "="),
        argument.hasPrefix(key)
      else { continue }
      let value = argument.dropFirst(length + 1)
      if found != nil { reject(key, value, "was given before") }
      found = value
      taken |= 1 << UInt64(index)
    }
    return found
  }

  private mutating func write(_ key: StaticString, _ value: (inout TextBuffer) -> Void) {
    switch purpose {
    case .read: return
    case .list:
      if written > 0 { output.append(" ") }
      output.append(key)
      output.append("=")
    case .report:
      if written > 0 { output.append(",") }
      output.append("\"")
      output.append(key)
      output.append("\":")
    }
    written += 1
    value(&output)
  }

  /// As few decimals as the value needs.
  private static func append(billionths value: Int, to output: inout TextBuffer) {
    output.append(value / 1_000_000_000)
    var rest = value % 1_000_000_000
    if rest == 0 { return }
    output.append(".")
    var digit = 100_000_000
    while rest > 0 {
      output.append(byte: UInt8(ascii: "0") + UInt8(rest / digit))
      rest %= digit
      digit /= 10
    }
  }
}

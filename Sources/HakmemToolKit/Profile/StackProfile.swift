/// Call stacks with a value each: page faults, samples of time, bytes.
package struct StackProfile: Sendable {
  /// A function in a file.
  package struct Frame: Hashable, Sendable {
    package var function: String
    package var object: String
  }

  /// What the values count: "page faults", "samples", "bytes".
  package var unit: String
  package var title: String
  package private(set) var frames: [Frame] = []
  /// Numbers of frames, innermost first.
  package private(set) var stacks: [[Int32]] = []
  package private(set) var values: [Int] = []

  private var frameNumbers: [Frame: Int32] = [:]
  private var stackNumbers: [[Int32]: Int] = [:]

  package init(title: String, unit: String) {
    self.title = title
    self.unit = unit
  }

  package mutating func number(of frame: Frame) -> Int32 {
    if let known = frameNumbers[frame] { return known }
    let number = Int32(frames.count)
    frames.append(frame)
    frameNumbers[frame] = number
    return number
  }

  /// Adds a value to a stack, innermost frame first.
  package mutating func add(_ value: Int, _ stack: [Int32]) {
    if let known = stackNumbers[stack] {
      values[known] += value
    } else {
      stackNumbers[stack] = stacks.count
      stacks.append(stack)
      values.append(value)
    }
  }

  package mutating func add(_ value: Int, _ stack: [Frame]) {
    add(value, stack.map { number(of: $0) })
  }

  package var total: Int { values.reduce(0, +) }

  /// Functions by the value of stacks that end in them, largest first.
  package func top(_ count: Int) -> [(frame: Frame, own: Int, all: Int)] {
    var own = [Int](repeating: 0, count: frames.count)
    var all = [Int](repeating: 0, count: frames.count)
    for (stack, value) in zip(stacks, values) {
      if let innermost = stack.first { own[Int(innermost)] += value }
      for frame in Set(stack) { all[Int(frame)] += value }
    }
    return frames.indices.sorted { (own[$0], all[$0], $1) > (own[$1], all[$1], $0) }
      .prefix(count).filter { own[$0] > 0 }.map { (frames[$0], own[$0], all[$0]) }
  }

  /// Stacks by their values, largest first.
  package func largest(_ count: Int) -> [(value: Int, stack: [Frame])] {
    stacks.indices.sorted { (values[$0], $1) > (values[$1], $0) }.prefix(count).map {
      (values[$0], stacks[$0].map { frames[Int($0)] })
    }
  }
}

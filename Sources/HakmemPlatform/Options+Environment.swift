import CHakmemShims

extension Option {
  /// Reads every option. What does not parse is named on stderr once and keeps its default.
  package static func readEnvironment() {
    forEach { option in
      if let value = option.parse(option.row.standard) { option.set(value, from: .standard) }
    }
    guard hakmem_auxiliary_value(UInt(HAKMEM_AT_SECURE)) == 0 else { return }
    // Quiet first: it decides whether the complaints about the others are printed.
    forEachVariable { name, value in
      if Option.quiet.isNamed(name) { Option.quiet.take(value, reports: false) }
    }
    forEachVariable { name, value in
      guard hasPrefix(name, "HAKMEM_") else { return }
      var isKnown = isForTools(name)
      forEach { option in
        guard option.isNamed(name) else { return }
        isKnown = true
        option.take(value, reports: !Option.quiet.isOn)
      }
      if !isKnown && !Option.quiet.isOn { reportUnknown(name) }
    }
    applyMode()
  }

  /// The mode moves the options that the environment left alone.
  private static func applyMode() {
    func move(_ option: Option, to value: UInt) {
      if option.source == .standard { option.set(value, from: .mode) }
    }
    switch Mode.current {
    case .balanced: break
    case .speed:
      move(.cacheBytes, to: 512)
      move(.purgeDelay, to: 2000)
      move(.warmBytes, to: 64)
      move(.hugePages, to: HugePages.auto.rawValue)
    case .memory:
      move(.cacheBytes, to: 8)
      move(.purgeDelay, to: 50)
      move(.warmBytes, to: 2)
    case .hardened:
      move(.canary, to: 1)
      move(.zeroOnFree, to: 1)
      move(.verifyZero, to: 1)
      move(.quarantine, to: 64)
      move(.randomPlacement, to: 1)
      move(.guardPages, to: 1)
    }
    // What was not cleared cannot be verified.
    if Option.verifyZero.isOn { Option.zeroOnFree.set(1, from: .mode) }
  }

  private func take(_ text: UnsafePointer<UInt8>, reports: Bool) {
    if let value = parse(text) { return set(value, from: .environment) }
    guard reports else { return }
    Text.message {
      $0.append("hakmem: ")
      $0.append(row.name)
      $0.append("=")
      $0.append(cString: text, limit: 80)
      if row.isText { return $0.append(" is too long\n") }
      $0.append(" is not in ")
      $0.append(row.range)
      $0.append("; the default ")
      $0.append(row.standard)
      $0.append(" holds\n")
    }
  }

  private static func reportUnknown(_ name: UnsafePointer<UInt8>) {
    Text.message {
      $0.append("hakmem: no option is named ")
      var length = 0
      while name[length] != 0, name[length] != UInt8(ascii: "="), length < 80 { length += 1 }
      $0.append(cString: name, limit: length)
      $0.append("\n")
    }
  }

  /// Variables that the command-line tool and the tests read.
  private static func isForTools(_ name: UnsafePointer<UInt8>) -> Bool {
    hasPrefix(name, "HAKMEM_PEERS=") || hasPrefix(name, "HAKMEM_LIBRARY=")
      || hasPrefix(name, "HAKMEM_WORKLOADS=")
      || hasPrefix(name, "HAKMEM_TEST_")
  }

  private func isNamed(_ variable: UnsafePointer<UInt8>) -> Bool {
    Self.hasPrefix(variable, row.name)
      && variable[row.name.utf8CodeUnitCount] == UInt8(ascii: "=")
  }

  private static func hasPrefix(
    _ string: UnsafePointer<UInt8>, _ prefix: StaticString
  ) -> Bool {
    for index in 0..<prefix.utf8CodeUnitCount
    where string[index] != prefix.utf8Start[index] { return false }
    return true
  }

  private func parse(_ text: StaticString) -> UInt? { parse(text.utf8Start) }

  private func parse(_ text: UnsafePointer<UInt8>) -> UInt? {
    if case .limit = self { return LimitValue.parse(text) }
    if row.isText { return copy(text) }
    if case .prewarm = self { return PrewarmValue.parse(text) }
    return row.isKeyword ? parseKeyword(text) : parseNumber(text)
  }

  /// Where a copy of the text lies, 0 for an empty one: the environment may change. Nil when it is
  /// too long.
  private func copy(_ text: UnsafePointer<UInt8>) -> UInt? {
    guard text[0] != 0 else { return 0 }
    let capacity = Int(row.minimum)
    var length = 0
    while text[length] != 0 {
      length += 1
      guard length < capacity else { return nil }
    }
    guard let copy = SystemCalls.map(byteCount: row.minimum, protection: .readWrite) else {
      return nil
    }
    SystemCalls.nameMapping(copy, row.minimum, "hakmem metadata")
    Memory.copy(from: UInt(bitPattern: text), to: copy, UInt(length))
    return copy
  }

  /// Makes the option empty for the programs that this process starts from now on.
  package func hideFromChildren() {
    guard hakmem_environment() != nil else { return }
    Self.forEachVariable { name, value in
      if isNamed(name) { UnsafeMutablePointer(mutating: value).pointee = 0 }
    }
  }

  private func parseNumber(_ text: UnsafePointer<UInt8>) -> UInt? {
    var index = 0
    guard let value = ByteText.number(in: text, &index), text[index] == 0 else { return nil }
    return value >= row.minimum && value <= row.maximum ? value : nil
  }

  private func parseKeyword(_ text: UnsafePointer<UInt8>) -> UInt? {
    let range = row.range
    var place: UInt = 0
    var start = 0
    while start <= range.utf8CodeUnitCount {
      var end = start
      while end < range.utf8CodeUnitCount, range.utf8Start[end] != UInt8(ascii: "|") { end += 1 }
      var index = 0
      while start + index < end, text[index] == range.utf8Start[start + index] { index += 1 }
      if start + index == end, text[index] == 0 { return place }
      place += 1
      start = end + 1
    }
    return nil
  }

  /// Calls `body` with each «NAME=value» and the address of its value.
  private static func forEachVariable(
    _ body: (UnsafePointer<UInt8>, UnsafePointer<UInt8>) -> Void
  ) {
    guard let environment = hakmem_environment() else { return forEachInitialVariable(body) }
    var index = 0
    while let variable = environment[index] {
      visit(UnsafeRawPointer(variable).assumingMemoryBound(to: UInt8.self), body)
      index += 1
    }
  }

  /// Before libc has set `environ`, the kernel's copy serves.
  private static func forEachInitialVariable(
    _ body: (UnsafePointer<UInt8>, UnsafePointer<UInt8>) -> Void
  ) {
    let capacity: UInt = 1 << 17
    guard let buffer = SystemCalls.map(byteCount: capacity, protection: .readWrite) else { return }
    let bytes: UnsafeMutablePointer<UInt8> = Memory.pointer(at: buffer)
    let count = SystemCalls.readFile(
      "/proc/self/environ", into: bytes, capacity: Int(capacity) - 1)
    var index = 0
    while index < count {
      visit(UnsafePointer(bytes + index), body)
      while bytes[index] != 0 { index += 1 }
      index += 1
    }
    SystemCalls.unmap(buffer, capacity)
  }

  private static func visit(
    _ variable: UnsafePointer<UInt8>,
    _ body: (UnsafePointer<UInt8>, UnsafePointer<UInt8>) -> Void
  ) {
    guard variable[0] == UInt8(ascii: "H") else { return }
    var index = 0
    while variable[index] != 0, variable[index] != UInt8(ascii: "=") { index += 1 }
    if variable[index] != 0 { body(variable, variable + index + 1) }
  }
}

/// Symbols that an object defines and needs.
extension ELFFile {
  /// Names of symbols, apart by whether the object has them or asks others for them.
  package struct Symbols: Equatable, Sendable {
    package var defined: Set<String> = []
    package var needed: Set<String> = []
  }

  private static let localBinding: UInt64 = 0
  private static let symbolTableSection: UInt64 = 2

  /// The symbols that the dynamic loader sees, of those in `names`.
  package func dynamicSymbols(among names: Set<String>) -> Symbols {
    guard let dynamic, let table = dynamic.symbolTable, let strings = dynamic.stringTable else {
      return Symbols()
    }
    let count = symbolCount(dynamic, table: table, strings: strings)
    return symbols(among: names, table: table, strings: strings, count: count)
  }

  /// The symbols of the full table that linkers and debuggers use, of those in `names`: none in a
  /// stripped file. What a static program is made of shows here only.
  package func staticSymbols(among names: Set<String>) -> Symbols {
    let wide = architecture.is64Bit
    guard let table = reader.number(at: wide ? 40 : 32, width: wide ? 8 : 4), table > 0,
      let entrySize = reader.number(at: wide ? 58 : 46, width: 2),
      let count = reader.number(at: wide ? 60 : 48, width: 2)
    else { return Symbols() }
    for index in 0..<count {
      let (base, overflow) = table.addingReportingOverflow(index * entrySize)
      guard !overflow, base < UInt64(reader.bytes.count) else { break }
      guard reader.number(at: base + 4, width: 4) == ELFFile.symbolTableSection,
        let offset = word(at: base + (wide ? 24 : 16)),
        let size = word(at: base + (wide ? 32 : 20)),
        let link = reader.number(at: base + (wide ? 40 : 24), width: 4)
      else { continue }
      let (stringSection, linkOverflow) = table.addingReportingOverflow(link * entrySize)
      guard !linkOverflow, stringSection < UInt64(reader.bytes.count),
        let strings = word(at: stringSection + (wide ? 24 : 16))
      else { continue }
      return symbols(
        among: names, table: offset, strings: strings,
        count: min(size / (wide ? 24 : 16), ELFFile.maximumTableLength))
    }
    return Symbols()
  }

  private func symbols(
    among names: Set<String>, table: UInt64, strings: UInt64, count: UInt64
  ) -> Symbols {
    let wide = architecture.is64Bit
    var result = Symbols()
    for index in 0..<count {
      let (base, overflow) = table.addingReportingOverflow(index * (wide ? 24 : 16))
      guard !overflow, base < UInt64(reader.bytes.count),
        let nameIndex = reader.number(at: base, width: 4),
        let info = reader.number(at: base + (wide ? 4 : 12), width: 1),
        let section = reader.number(at: base + (wide ? 6 : 14), width: 2)
      else { break }
      guard nameIndex > 0, info >> 4 != ELFFile.localBinding,
        let name = string(strings, nameIndex), names.contains(name)
      else { continue }
      if section == 0 { result.needed.insert(name) } else { result.defined.insert(name) }
    }
    return result
  }

  /// The length of the dynamic symbol table, which no header states: from either hash table, else
  /// the distance to the string table, which linkers put behind it.
  private func symbolCount(_ dynamic: Dynamic, table: UInt64, strings: UInt64) -> UInt64 {
    if let hash = dynamic.hash, let chains = reader.number(at: hash + 4, width: 4) {
      return min(chains, ELFFile.maximumTableLength)
    }
    let size: UInt64 = architecture.is64Bit ? 24 : 16
    let distance = strings > table ? (strings - table) / size : 0
    guard let hash = dynamic.gnuHash, let hashed = gnuHashedCount(hash) else {
      return min(distance, ELFFile.maximumTableLength)
    }
    return min(max(hashed, distance), ELFFile.maximumTableLength)
  }

  /// One more than the last symbol that a GNU hash table leads to.
  private func gnuHashedCount(_ hash: UInt64) -> UInt64? {
    guard let buckets = reader.number(at: hash, width: 4),
      let firstSymbol = reader.number(at: hash + 4, width: 4),
      let bloomWords = reader.number(at: hash + 8, width: 4),
      buckets <= ELFFile.maximumTableLength, bloomWords <= ELFFile.maximumTableLength
    else { return nil }
    let bucketsAt = hash + 16 + bloomWords * (architecture.is64Bit ? 8 : 4)
    let chainsAt = bucketsAt + 4 * buckets
    var last: UInt64 = 0
    for index in 0..<buckets {
      guard let head = reader.number(at: bucketsAt + 4 * index, width: 4) else { return nil }
      last = max(last, head)
    }
    guard last >= firstSymbol else { return firstSymbol }
    while let value = reader.number(at: chainsAt + 4 * (last - firstSymbol), width: 4) {
      if value & 1 == 1 { return last + 1 }
      last += 1
    }
    return nil
  }
}
